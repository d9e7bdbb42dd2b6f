use mien_control::FatalCause;

/// How a worker was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    pub cause: FatalCause,
    pub reason: String,
}

/// Faces that networks take in one run, as GPU memory is set aside for them.
const BATCHES: [usize; 4] = [1, 2, 4, 8];

impl Loss {
    /// For a reason that only the supervising process sees.
    pub fn seen(reason: String) -> Self {
        Self { cause: FatalCause::Other, reason }
    }

    /// The GPU had no memory for batches of this many faces: says so, and what comes now. Returns the limit
    /// for the next worker, 0 when there is nothing smaller to try.
    pub fn smaller_batches(&mut self, batch: usize) -> usize {
        let smaller = BATCHES.into_iter().rev().find(|smaller| *smaller < batch);
        let what_now = match smaller {
            Some(smaller) => format!("going on with at most {smaller} at once"),
            // The reason may have its own advice.
            None if self.reason.contains("nvidia-smi") => "that is the least".to_owned(),
            None => "give this camera another `gpu`, a smaller `detector_size` or `engine = \"cpu\"`, or end what \
                     else is on the GPU (nvidia-smi shows it)"
                .to_owned(),
        };
        let faces = if batch == 1 { "one face".to_owned() } else { format!("{batch} faces") };
        self.reason = format!("the GPU has no memory left for {faces} at once: {}; {what_now}", self.reason);
        smaller.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_shrink_to_one_face_and_then_a_person_is_asked() {
        let loss = || Loss { cause: FatalCause::GpuMemory, reason: "out of memory".into() };
        for (batch, next) in [(10, 8), (8, 4), (5, 4), (4, 2), (3, 2), (2, 1), (1, 0)] {
            assert_eq!(loss().smaller_batches(batch), next, "{batch}");
        }
        let mut last = loss();
        last.smaller_batches(1);
        assert!(last.reason.contains("out of memory; give this camera another"), "{}", last.reason);
        let mut advised =
            Loss { reason: "28 MiB free; close others (nvidia-smi shows them)".into(), ..loss() };
        advised.smaller_batches(1);
        assert_eq!(advised.reason.matches("nvidia-smi").count(), 1, "{}", advised.reason);
    }
}
