//! What a child may use.

use mien_stream::{ChannelFormat, StreamDescription};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// Memory of a child with its liblsl, before anybody listens.
const BASE_BYTES: u64 = 192 << 20;
/// What an outlet takes beside the samples that it keeps.
const OUTLET_BYTES: u64 = 1 << 20;
/// Address space of a thread's stack.
const STACK_BYTES: u64 = 8 << 20;
/// Threads of an outlet: two of its own, and one for each consumer.
const OUTLET_THREADS: u64 = 8;
/// Descriptors of a child before it opens an outlet, and of an outlet: its sockets, and those of its consumers.
const BASE_DESCRIPTORS: u64 = 128;
const OUTLET_DESCRIPTORS: u64 = 32;

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Resident memory in bytes. A child that has more is ended by whoever watches it.
    pub resident_bytes: u64,
    /// Memory in bytes that the system gives it at most, stacks included, used or not (`RLIMIT_DATA`).
    pub data_bytes: u64,
    /// Open descriptors (`RLIMIT_NOFILE`).
    pub descriptors: u64,
}

impl Limits {
    /// Enough for these outlets, each keeping `buffered` samples for consumers that have stopped reading, and nothing
    /// more.
    #[must_use]
    pub fn for_outlets<'a>(
        streams: impl IntoIterator<Item = &'a StreamDescription>,
        buffered_samples: u64,
    ) -> Self {
        let (mut outlets, mut sample_bytes) = (0, 0);
        for stream in streams {
            let value = match stream.format {
                ChannelFormat::Double64 | ChannelFormat::Int64 => 8,
                _ => 4,
            };
            outlets += 1;
            // Each sample has a head, and its memory is not packed.
            sample_bytes += 128 + stream.channels.len() as u64 * value * 5 / 4;
        }
        let resident_bytes = BASE_BYTES + outlets * OUTLET_BYTES + sample_bytes * buffered_samples;
        Self {
            resident_bytes,
            data_bytes: 2 * resident_bytes + (16 + outlets * OUTLET_THREADS) * STACK_BYTES,
            descriptors: BASE_DESCRIPTORS + outlets * OUTLET_DESCRIPTORS,
        }
    }

    /// Enough for a search.
    #[must_use]
    pub fn for_search() -> Self {
        Self { resident_bytes: BASE_BYTES, data_bytes: 4 * BASE_BYTES, descriptors: 512 }
    }

    /// Limits this process, for good. What the system does not grant stays as it is; memory is watched from outside,
    /// too.
    pub(crate) fn apply(&self) {
        let limit = |resource, most: u64| {
            let most = getrlimit(resource).maximum.map_or(most, |maximum| most.min(maximum));
            let _refused = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
        };
        limit(Resource::Data, self.data_bytes);
        limit(Resource::Nofile, self.descriptors);
        // A crash is told of in words; an image of the memory would hold faces.
        limit(Resource::Core, 0);
    }
}

#[cfg(test)]
mod tests {
    use mien_stream::{CameraDescription, StreamSettings, camera_streams};

    use super::*;

    #[test]
    fn limits_grow_with_what_is_streamed() {
        let of = |slots| {
            let settings = StreamSettings { slots, ..StreamSettings::default() };
            Limits::for_outlets(&camera_streams(&CameraDescription::default(), &settings), 1800)
        };
        let (one, four) = (of(1), of(4));
        // 1800 samples of 1434 channels are 10 MB.
        assert!(one.resident_bytes > BASE_BYTES + 10_000_000 && one.resident_bytes < BASE_BYTES + 40_000_000);
        assert!(four.resident_bytes > one.resident_bytes + 30_000_000 && four.descriptors > one.descriptors);
    }
}
