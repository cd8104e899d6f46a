//! Work in parts on all threads: what is made of the parts is handed on in their order, and few of them
//! are in memory at a time.

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
    if threads <= 1 {
        return parts.iter().try_for_each(|part| take(work(part)?));
    }
    let queue = Queue {
        state: Mutex::default(),
        moved: Condvar::new(),
        parts: parts.len(),
        window: threads * AHEAD,
    };
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..threads {
            let (sender, queue, work) = (sender.clone(), &queue, &work);
            scope.spawn(move || alone(|| worker(queue, |place| work(&parts[place]), &sender)));
        }
        drop(sender);
        let taken = hand_on(&queue, &receiver, &mut take);
        queue.stop();
        taken
    })
}

/// Runs something with this thread as the only one of its pool; without a pool it would be right, too.
fn alone(f: impl FnOnce()) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    let _pool = pool.build();
    f();
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
