//! Work in parts on all threads: what is made of the parts is handed on in their order, and few of them
//! are in memory at a time.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Parts per thread that may be ahead of the one that is handed on next.
const AHEAD: usize = 4;

/// Does `work` for every part, as many at a time as rayon has threads, and gives `take` what comes of it,
/// in order and one at a time. The first error ends it.
///
/// Each part has one thread for itself: what it does in parallel happens on this thread, so that threads
/// do not wait for each other. A single part has all threads.
pub fn in_order<P: Sync, R: Send, E: Send>(
    parts: &[P],
    work: impl Fn(&P) -> Result<R, E> + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = rayon::current_num_threads().min(parts.len());
    let lone = match threads {
        0 | 1 => Vec::new(),
        threads => Lone::some(threads),
    };
    if lone.is_empty() {
        return parts.iter().try_for_each(|part| take(work(part)?));
    }
    let queue = Queue {
        state: Mutex::default(),
        moved: Condvar::new(),
        parts: parts.len(),
        window: lone.len() * AHEAD,
    };
    let (sender, receiver) = channel();
    // what comes ends when the last worker has ended
    let senders = Mutex::new(vec![sender; lone.len()]);
    let works = || {
        let sender = senders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(sender) = sender {
            worker(&queue, |place| work(&parts[place]), &sender);
        }
    };
    let mut taken = Ok(());
    beside(&lone, &works, &mut || {
        // whether it comes to its end or panics
        let _stopped = Stopped(&queue);
        taken = hand_on(&queue, &receiver, &mut take);
    });
    Lone::give_back(lone);
    taken
}

/// A pool of one thread: what runs there in parallel happens on this thread.
struct Lone {
    pool: ThreadPool,
    /// The process that it lives in: after a fork its thread is missing.
    process: u32,
}

/// Pools that nobody uses now. A pool of a thread that is there already would never be freed.
static LONE: Mutex<Vec<Lone>> = Mutex::new(Vec::new());

/// Pools that are kept.
const KEPT: usize = 64;

impl Lone {
    /// So many; fewer where the system has no more threads.
    fn some(n: usize) -> Vec<Lone> {
        let process = std::process::id();
        let mut lone = Vec::with_capacity(n);
        // a process that was forked may find it locked for ever
        if let Ok(mut kept) = LONE.try_lock() {
            while let Some(one) = kept.pop() {
                match one.process == process {
                    true => lone.push(one),
                    false => std::mem::forget(one),
                }
                if lone.len() == n {
                    return lone;
                }
            }
        }
        let new = || ThreadPoolBuilder::new().num_threads(1).build().ok();
        let new = std::iter::from_fn(|| Some(Lone { pool: new()?, process }));
        let missing = n - lone.len();
        lone.extend(new.take(missing));
        lone
    }

    fn give_back(lone: Vec<Lone>) {
        if let Ok(mut kept) = LONE.try_lock() {
            let room = KEPT.saturating_sub(kept.len());
            kept.extend(lone.into_iter().take(room));
        }
    }
}

/// Does something on this thread while others work.
fn beside(lone: &[Lone], work: &(dyn Fn() + Sync), here: &mut dyn FnMut()) {
    match lone.split_first() {
        None => here(),
        Some((one, others)) => one.pool.in_place_scope(|scope| {
            scope.spawn(|_| work());
            beside(others, work, here);
        }),
    }
}

#[derive(Default)]
struct State {
    /// The part that is begun next.
    next: usize,
    /// The part that is handed on next.
    taken: usize,
    stopped: bool,
}

struct Queue {
    state: Mutex<State>,
    moved: Condvar,
    parts: usize,
    window: usize,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next part to work on, once it is not too far ahead.
    fn next(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if state.stopped || state.next == self.parts {
                return None;
            }
            if state.next < state.taken + self.window {
                state.next += 1;
                return Some(state.next - 1);
            }
            let waited = self.moved.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn took_one(&self) {
        self.state().taken += 1;
        self.moved.notify_all();
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.moved.notify_all();
    }
}

/// Ends the queue when nobody takes any more.
struct Stopped<'a>(&'a Queue);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Ends the queue if a part panics, so that nobody waits for what will not come.
struct Guard<'a>(&'a Queue);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

fn worker<T>(queue: &Queue, work: impl Fn(usize) -> T, sender: &Sender<(usize, T)>) {
    let _guard = Guard(queue);
    while let Some(place) = queue.next() {
        if sender.send((place, work(place))).is_err() {
            return;
        }
    }
}

fn hand_on<R, E>(
    queue: &Queue,
    receiver: &Receiver<(usize, Result<R, E>)>,
    take: &mut impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut early = BTreeMap::new();
    let mut wanted = 0;
    for (place, made) in receiver {
        early.insert(place, made);
        while let Some(made) = early.remove(&wanted) {
            take(made?)?;
            wanted += 1;
            queue.took_one();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn with_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(f)
    }

    #[test]
    fn in_order_and_not_too_far_ahead() {
        let parts: Vec<usize> = (0..200).collect();
        for threads in [1, 2, 5] {
            let (begun, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut got = Vec::new();
            let work = |part: &usize| {
                let ahead = begun.fetch_add(1, Ordering::SeqCst) - taken.load(Ordering::SeqCst);
                assert!(ahead <= threads * (AHEAD + 1), "{ahead}");
                if part.is_multiple_of(7) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok::<_, ()>(part * 2)
            };
            let take = |made| {
                taken.fetch_add(1, Ordering::SeqCst);
                got.push(made);
                Ok(())
            };
            with_threads(threads, || in_order(&parts, work, take)).unwrap();
            assert!(got.iter().copied().eq((0..400).step_by(2)));
        }
    }

    #[test]
    fn threads_are_used_again() {
        let parts: Vec<usize> = (0..8).collect();
        let mut names = std::collections::BTreeSet::new();
        let work = |_: &usize| Ok::<_, ()>(std::thread::current().id());
        for _ in 0..200 {
            with_threads(2, || {
                in_order(&parts, work, |id| {
                    names.insert(format!("{id:?}"));
                    Ok(())
                })
            })
            .unwrap();
        }
        // other tests borrow them, too
        assert!(names.len() < 100, "{names:?}");
    }

    #[test]
    fn who_panics_while_taking_leaves_nobody_waiting() {
        let parts: Vec<usize> = (0..1_000).collect();
        let taking =
            || with_threads(2, || in_order(&parts, |p| Ok::<_, ()>(*p), |_| panic!("no more")));
        assert!(std::panic::catch_unwind(taking).is_err());
    }

    #[test]
    fn the_first_error_ends_it() {
        let parts: Vec<usize> = (0..1_000).collect();
        let begun = AtomicUsize::new(0);
        let work = |part: &usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            if *part == 20 { Err(*part) } else { Ok(*part) }
        };
        let mut got = 0;
        let ended = with_threads(3, || {
            in_order(&parts, work, |_| {
                got += 1;
                Ok(())
            })
        });
        assert_eq!((ended, got), (Err(20), 20));
        assert!(begun.load(Ordering::SeqCst) < 100);
        let refused = with_threads(3, || in_order(&parts, |p| Ok(*p), Err));
        assert_eq!(refused, Err(0));
    }
}
