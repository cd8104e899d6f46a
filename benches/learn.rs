//! Time and memory of what learns edges and embeddings from links.
//!
//! ```text
//! cargo bench --bench learn -- [SOURCES] [TARGETS] [LINKS]           # default 30000 40000 800000
//! ```
//!
//! Links are drawn with popular targets and active sources, as logs have them: of ten sources one has half the links.
//! Each algorithm runs once with its defaults (skip-gram with a window, as there are times) on all threads of rayon
//! (`RAYON_NUM_THREADS`). The estimate is the memory that it says it needs before it starts; the peak is that of the
//! process so far, where the system tells it.

use std::time::Instant;

use igql::learn::{
    AlsSettings, CoOccurrence, Ease, GfCf, ItemKnn, Links, Rp3Beta, Size, SkipGramSettings,
    Stopped, Unwatched, als, co_occurrence, ease, gf_cf, item_knn, rp3_beta, skip_gram,
};

fn main() -> Result<(), String> {
    let mut numbers = [30_000, 40_000, 800_000];
    let given = std::env::args().skip(1).filter(|arg| arg != "--bench");
    for (number, arg) in numbers.iter_mut().zip(given) {
        *number = arg.parse().map_err(|_| format!("`{arg}` is no number"))?;
    }
    let [sources, targets, count] = numbers;
    let (offsets, ends) = links(sources, targets, count);
    let times: Vec<i64> = (0..ends.len() as i64).collect();
    let links =
        Links { offsets: &offsets, ends: &ends, targets, times: Some(&times), ..Links::default() };
    let size = Size::of(&links);
    let threads = rayon::current_num_threads();
    println!("{sources} sources, {targets} targets, {} links, {threads} threads", ends.len());
    let p = ItemKnn::default();
    report("item_knn", p.bytes(&size), || {
        item_knn(&links, &p, &Unwatched).map(|edges| edges.ends.len())
    });
    let p = Rp3Beta::default();
    report("rp3_beta", p.bytes(&size), || {
        rp3_beta(&links, &p, &Unwatched).map(|edges| edges.ends.len())
    });
    let p = CoOccurrence::default();
    report("co_occurrence", p.bytes(&size), || {
        co_occurrence(&links, &p, &Unwatched).map(|edges| edges.ends.len())
    });
    let p = Ease::default();
    report("ease", p.bytes(&size), || ease(&links, &p, &Unwatched).map(|edges| edges.ends.len()));
    let p = GfCf::default();
    report("gf_cf", p.bytes(&size), || gf_cf(&links, &p, &Unwatched).map(|edges| edges.ends.len()));
    let p = AlsSettings::default();
    report("als", p.bytes(&size), || als(&links, &p, &Unwatched).map(|als| als.b.has.len()));
    let p = SkipGramSettings::default();
    report("skip_gram", p.bytes(&size), || {
        skip_gram(&links, &p, &Unwatched).map(|vectors| vectors.input.has.len())
    });
    Ok(())
}

/// `learn` returns the number of links or vectors.
fn report(name: &str, bytes: u64, learn: impl FnOnce() -> Result<usize, Stopped>) {
    let start = Instant::now();
    let made = learn().unwrap_or_default();
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak().map_or(String::new(), |peak| format!(", peak {peak} MB"));
    println!("{name:15} {seconds:8.2} s  {made:9} made  {} MB estimated{peak}", bytes >> 20);
}

fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? >> 10)
}

/// Offsets and ends of about `count` links.
fn links(sources: usize, targets: usize, count: usize) -> (Vec<u64>, Vec<u32>) {
    let mut state = 1u64;
    let mut unit = move || {
        // SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1u64 << 53) as f64
    };
    let mean = count as f64 / sources.max(1) as f64;
    let (mut offsets, mut ends) = (vec![0], Vec::new());
    for source in 0..sources {
        let active = if source % 10 == 0 { 5.0 } else { 5.0 / 9.0 };
        for _ in 0..(2.0 * mean * active * unit()) as usize {
            ends.push((unit().powi(3) * targets as f64) as u32);
        }
        offsets.push(ends.len() as u64);
    }
    (offsets, ends)
}
