//! One slot: a stamp and a payload of atomic words. The crate's docs argue why this is sound.

#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Bytes in one word of a slot.
pub(crate) const WORD_BYTES: usize = size_of::<u64>();

/// Where the writer stands inside one entry; for tests that stop it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteStep {
    /// The stamp says that the entry is being written.
    Begun,
    /// So many payload bytes of the entry are there.
    Copied(usize),
    /// The stamp says that the entry is whole; the header does not know of it yet.
    Stamped,
    /// The header announces the entry; readers were not woken yet.
    Announced,
}

/// Why a slot does not give the entry asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The entry is not whole yet, or its writer died on it.
    NotWritten,
    /// A later entry has taken the slot, perhaps while it was being copied.
    Overwritten,
}

const fn stamp_while_writing(number: u64) -> u64 {
    number.wrapping_mul(2).wrapping_add(1)
}

const fn stamp_when_whole(number: u64) -> u64 {
    number.wrapping_mul(2).wrapping_add(2)
}

/// Writes entry `number`: `parts` one after the other, each starting on a word of its own. Parts that
/// the slot cannot hold are cut off. Calls `after_store` between the stores.
#[inline]
pub(crate) fn write(
    slot: &[AtomicU64],
    number: u64,
    parts: &[&[u8]],
    mut after_store: impl FnMut(WriteStep),
) {
    let (stamp, mut payload) = slot.split_first().expect("a slot has a stamp");
    stamp.store(stamp_while_writing(number), Ordering::Relaxed);
    fence(Ordering::Release);
    after_store(WriteStep::Begun);
    let mut copied = 0;
    for part in parts {
        let words = part.len().div_ceil(WORD_BYTES).min(payload.len());
        let (target, rest) = payload.split_at(words);
        store_bytes(target, part);
        payload = rest;
        copied += part.len();
        after_store(WriteStep::Copied(copied));
    }
    stamp.store(stamp_when_whole(number), Ordering::Release);
    after_store(WriteStep::Stamped);
}

/// Copies entry `number` into `parts`, which are laid out as [`write`] lays them out. On a refusal
/// `parts` hold garbage.
#[inline]
pub(crate) fn read(slot: &[AtomicU64], number: u64, parts: &mut [&mut [u8]]) -> Result<(), Refusal> {
    let (stamp, mut payload) = slot.split_first().expect("a slot has a stamp");
    let wanted = stamp_when_whole(number);
    let before = stamp.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    if before != wanted {
        return Err(if before < wanted { Refusal::NotWritten } else { Refusal::Overwritten });
    }
    for part in parts {
        let words = part.len().div_ceil(WORD_BYTES).min(payload.len());
        let (source, rest) = payload.split_at(words);
        load_bytes(source, part);
        payload = rest;
    }
    fence(Ordering::Acquire);
    if stamp.load(Ordering::Relaxed) == before { Ok(()) } else { Err(Refusal::Overwritten) }
}

fn store_bytes(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, tail) = bytes.as_chunks::<WORD_BYTES>();
    for (word, bytes) in words.iter().zip(whole) {
        word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
    }
    if let Some(word) = words.get(whole.len())
        && !tail.is_empty()
    {
        let mut last = [0; WORD_BYTES];
        last[..tail.len()].copy_from_slice(tail);
        word.store(u64::from_ne_bytes(last), Ordering::Relaxed);
    }
}

fn load_bytes(words: &[AtomicU64], bytes: &mut [u8]) {
    let (whole, tail) = bytes.as_chunks_mut::<WORD_BYTES>();
    let whole_count = whole.len();
    for (word, bytes) in words.iter().zip(whole) {
        *bytes = word.load(Ordering::Relaxed).to_ne_bytes();
    }
    if let Some(word) = words.get(whole_count)
        && !tail.is_empty()
    {
        let last = word.load(Ordering::Relaxed).to_ne_bytes();
        tail.copy_from_slice(&last[..tail.len()]);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn slot(payload_words: usize) -> Vec<AtomicU64> {
        (0..=payload_words).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn parts_come_back_as_they_went_in() {
        let slot = slot(4);
        write(&slot, 7, &[&[1, 2, 3], &[4; 17]], |_| {});
        let (mut first, mut second) = ([0; 3], [0; 17]);
        read(&slot, 7, &mut [&mut first, &mut second]).unwrap();
        assert_eq!(first, [1, 2, 3]);
        assert_eq!(second, [4; 17]);
    }

    #[test]
    fn only_the_entry_asked_for_is_given() {
        let slot = slot(1);
        let mut out = [0; 8];
        assert_eq!(read(&slot, 0, &mut [&mut out]), Err(Refusal::NotWritten));
        write(&slot, 4, &[&[1; 8]], |_| {});
        assert_eq!(read(&slot, 8, &mut [&mut out]), Err(Refusal::NotWritten));
        assert_eq!(read(&slot, 0, &mut [&mut out]), Err(Refusal::Overwritten));
        assert_eq!(read(&slot, 4, &mut [&mut out]), Ok(()));
    }

    #[test]
    fn a_writer_that_stops_anywhere_inside_an_entry_is_never_believed() {
        let slot = slot(2);
        write(&slot, 0, &[&[9; 8], &[9; 8]], |_| {});
        let mut out = [0; 16];
        write(&slot, 1, &[&[1; 8], &[1; 8]], |step| {
            if step != WriteStep::Stamped {
                assert!(read(&slot, 0, &mut [&mut out]).is_err(), "{step:?}");
                assert!(read(&slot, 1, &mut [&mut out]).is_err(), "{step:?}");
            }
        });
        assert_eq!(read(&slot, 1, &mut [&mut out]), Ok(()));
    }

    #[test]
    fn parts_that_do_not_fit_are_cut() {
        let slot = slot(1);
        write(&slot, 0, &[&[1; 8], &[2; 64]], |_| {});
        let mut out = [0; 32];
        read(&slot, 0, &mut [&mut out]).unwrap();
        assert_eq!(out[..8], [1; 8]);
        assert_eq!(out[8..], [0; 24]);
    }

    /// Small enough for Miri, which runs it under many schedules (`./x stress`).
    #[test]
    fn threads_never_see_a_torn_entry() {
        const SLOTS: usize = 2;
        let entries = if cfg!(miri) { 40 } else { 200_000 };
        let slots: Vec<Vec<AtomicU64>> = (0..SLOTS).map(|_| slot(3)).collect();
        let announced = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut out = [0_u8; 24];
                    loop {
                        let count = announced.load(Ordering::Acquire);
                        if count > 0 {
                            let number = count - 1;
                            if read(&slots[number as usize % SLOTS], number, &mut [&mut out]).is_ok() {
                                assert_eq!(out, [number as u8; 24]);
                            }
                        }
                        if count == entries {
                            break;
                        }
                        std::thread::yield_now();
                    }
                });
            }
            for number in 0..entries {
                write(&slots[number as usize % SLOTS], number, &[&[number as u8; 24]], |_| {});
                announced.store(number + 1, Ordering::Release);
            }
        });
    }
}

#[cfg(all(test, loom))]
mod model {
    use super::*;
    use loom::sync::Arc;

    /// One slot of two words, a writer that fills it twice, a reader that asks for each of the entries:
    /// under every interleaving and every value that the memory model lets a load return, what the
    /// reader accepts is whole.
    #[test]
    fn what_is_accepted_is_whole() {
        for asked in 0..2 {
            loom::model(move || {
                let slot: Arc<Vec<AtomicU64>> = Arc::new((0..3).map(|_| AtomicU64::new(0)).collect());
                let writer = {
                    let slot = Arc::clone(&slot);
                    loom::thread::spawn(move || {
                        for number in 0..2_u64 {
                            write(&slot, number, &[&[number as u8 + 1; 16]], |_| {});
                        }
                    })
                };
                let mut out = [0_u8; 16];
                if read(&slot, asked, &mut [&mut out]).is_ok() {
                    assert_eq!(out, [asked as u8 + 1; 16]);
                }
                writer.join().unwrap();
            });
        }
    }

    /// A writer that dies after its first payload word is refused, whatever a reader sees of it.
    #[test]
    fn a_half_written_entry_is_refused() {
        loom::model(|| {
            let slot: Arc<Vec<AtomicU64>> = Arc::new((0..3).map(|_| AtomicU64::new(0)).collect());
            let writer = {
                let slot = Arc::clone(&slot);
                loom::thread::spawn(move || {
                    write(&slot, 0, &[&[1; 16]], |_| {});
                    slot[0].store(stamp_while_writing(1), Ordering::Relaxed);
                    fence(Ordering::Release);
                    slot[1].store(u64::MAX, Ordering::Relaxed);
                })
            };
            let mut out = [0_u8; 16];
            if read(&slot, 0, &mut [&mut out]).is_ok() {
                assert_eq!(out, [1; 16]);
            }
            assert!(read(&slot, 1, &mut [&mut out]).is_err());
            writer.join().unwrap();
        });
    }
}
