//! The slot between capture and pipeline.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mien_face::Frame;

/// A frame on its way, with when its source handed it over.
pub(crate) struct Captured {
    pub frame: Frame,
    pub received_nanos: i64,
}

/// Holds the newest frame, and only that. Buffers go round: neither side allocates in steady state.
#[derive(Default)]
pub struct Handover {
    slot: Mutex<Slot>,
    filled: Condvar,
}

#[derive(Default)]
struct Slot {
    waiting: Option<Captured>,
    spare: Option<Frame>,
    dropped: u64,
}

impl Handover {
    /// Leaves a frame for the other side, and returns a buffer for the next. A frame that still waits is
    /// replaced and counted as dropped.
    pub fn put(&self, frame: Frame, received_nanos: i64) -> Frame {
        let mut slot = self.lock();
        let replaced = slot.waiting.replace(Captured { frame, received_nanos });
        slot.dropped += u64::from(replaced.is_some());
        let spare = replaced.map(|captured| captured.frame).or_else(|| slot.spare.take());
        drop(slot);
        self.filled.notify_one();
        spare.unwrap_or_else(Frame::empty)
    }

    /// Waits for a frame. `used` is a buffer to give back.
    pub(crate) fn take(&self, used: Option<Frame>, timeout: Duration) -> Option<Captured> {
        let mut slot = self.lock();
        if used.is_some() {
            slot.spare = used;
        }
        let waited = self.filled.wait_timeout_while(slot, timeout, |slot| slot.waiting.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.waiting.take()
    }

    /// The newest frame instead of one that has become old meanwhile, if there is one.
    pub(crate) fn newer(&self, old: Captured) -> Captured {
        let mut slot = self.lock();
        match slot.waiting.take() {
            Some(newer) => {
                slot.spare = Some(old.frame);
                newer
            }
            None => old,
        }
    }

    /// Counts frames that never came this far.
    pub(crate) fn lost(&self, frames: u64) {
        self.lock().dropped += frames;
    }

    /// Frames that were replaced before anybody took them, and those that were lost before.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// A panic in one thread ends the process anyway; the slot is whole at every moment.
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(frame_index: u64) -> Frame {
        Frame { frame_index, pixels: vec![0; 64], ..Frame::empty() }
    }

    #[test]
    fn the_newest_frame_wins_and_the_others_are_counted() {
        let handover = Handover::default();
        for index in 0..5 {
            handover.put(frame(index), 0);
        }
        assert_eq!(handover.take(None, Duration::ZERO).unwrap().frame.frame_index, 4);
        assert_eq!(handover.dropped(), 4);
        assert!(handover.take(None, Duration::ZERO).is_none());
    }

    #[test]
    fn three_buffers_go_round() {
        let handover = Handover::default();
        let mut addresses = std::collections::HashSet::new();
        let (mut filling, mut used) = (frame(0), None);
        for round in 0..100 {
            if filling.pixels.is_empty() {
                filling.pixels = vec![0; 64];
            }
            addresses.insert(filling.pixels.as_ptr());
            filling = handover.put(filling, 0);
            if round % 3 != 1 {
                used = handover.take(used.take(), Duration::ZERO).map(|captured| captured.frame);
            }
        }
        assert!(addresses.len() <= 3, "{} buffers", addresses.len());
    }

    #[test]
    fn an_old_frame_gives_way_to_a_newer_one() {
        let handover = Handover::default();
        handover.put(frame(1), 10);
        let old = handover.take(None, Duration::ZERO).unwrap();
        let old = handover.newer(old);
        assert_eq!(old.frame.frame_index, 1, "there is none yet");
        handover.put(frame(2), 20);
        handover.put(frame(3), 30);
        assert_eq!(handover.newer(old).received_nanos, 30);
    }

    #[test]
    fn a_waiting_taker_is_woken() {
        let handover = Handover::default();
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| handover.take(None, Duration::from_secs(60)));
            handover.put(frame(9), 5);
            let captured = taker.join().unwrap().unwrap();
            assert_eq!((captured.frame.frame_index, captured.received_nanos), (9, 5));
        });
    }
}
