//! The LSL outlets and searches themselves: the only code that calls liblsl, in a child alone.

use std::time::{Duration, Instant};

use lsl::{ContinuousResolver, ExPushable, StreamInfo, StreamOutlet};

use crate::Reach;
use crate::report::{RequiredStream, VisibleStream};
use crate::wire::{OutletPlan, Values};

/// How often the answers to a search are looked at, while liblsl asks around on threads of its own.
const LOOK: Duration = Duration::from_millis(50);
/// How long a stream that answers no more is believed to be there, in seconds.
const FORGET_SECONDS: f64 = 5.0;

/// liblsl's handles stay on the thread that made them.
pub(crate) struct Outlets {
    markers: StreamOutlet,
    cameras: Vec<Vec<StreamOutlet>>,
    /// Samples pushed.
    pub pushed: u64,
    /// Samples that liblsl refused.
    pub failed: u64,
}

impl Outlets {
    /// Opens the outlets; the error is for a person.
    pub fn open(
        markers: &OutletPlan,
        cameras: &[Vec<OutletPlan>],
        buffered: i32,
        reach: Reach,
    ) -> Result<Self, String> {
        lsl_sys::load().map_err(|error| error.to_string())?;
        let open = |plan: &OutletPlan| {
            let outlet = outlet(plan, buffered)?;
            if reach == Reach::Machine {
                // At once: until then, it hears everybody.
                lsl_sys::hear_this_machine_alone()
                    .map_err(|error| format!("the LSL outlets cannot be kept to this machine: {error}"))?;
            }
            Ok::<_, String>(outlet)
        };
        let cameras =
            cameras.iter().map(|plans| plans.iter().map(open).collect()).collect::<Result<_, _>>()?;
        Ok(Self { markers: open(markers)?, cameras, pushed: 0, failed: 0 })
    }

    /// Pushes the rows of a frame of camera number `camera`.
    pub fn push(&mut self, camera: usize, timestamp: f64, rows: &[(usize, Values)]) {
        for (stream, values) in rows {
            let Some(outlet) = self.cameras.get(camera).and_then(|outlets| outlets.get(*stream)) else {
                continue;
            };
            let result = match values {
                Values::Float32(values) => outlet.push_sample_ex(values, timestamp, true),
                Values::Double64(values) => outlet.push_sample_ex(values, timestamp, true),
            };
            self.count(result.is_ok());
        }
    }

    /// Pushes a marker.
    pub fn mark(&mut self, timestamp: f64, text: String) {
        let result = self.markers.push_sample_ex(&vec![text], timestamp, true);
        self.count(result.is_ok());
    }

    /// Which outlets somebody listens to: each camera's, then the markers'.
    pub fn listened(&self) -> Vec<bool> {
        self.cameras.iter().flatten().chain([&self.markers]).map(StreamOutlet::have_consumers).collect()
    }

    fn count(&mut self, pushed: bool) {
        *(if pushed { &mut self.pushed } else { &mut self.failed }) += 1;
    }
}

fn outlet(plan: &OutletPlan, buffered: i32) -> Result<StreamOutlet, String> {
    let refused = |source: lsl::Error| {
        format!(
            "cannot open the LSL stream `{}`: {source}; check the network settings (LSLAPICFG)",
            plan.name
        )
    };
    let info = StreamInfo::from_xml(&plan.document).map_err(refused)?;
    // liblsl answers a document that it does not understand with a stream of another name.
    if info.stream_name() != plan.name {
        return Err(refused(lsl::Error::BadArgument));
    }
    StreamOutlet::new(&info, 0, buffered).map_err(refused)
}

/// Looks for streams on the network until all are there or `patience` is over; the error is for a person.
pub(crate) fn search(wanted: Vec<String>, patience: Duration) -> Result<Vec<RequiredStream>, String> {
    let failed = |error: lsl::Error| {
        format!("LSL streams cannot be looked for: {error}; check the network settings (LSLAPICFG)")
    };
    lsl_sys::load().map_err(|error| error.to_string())?;
    let mut required: Vec<_> =
        wanted.into_iter().map(|wanted| RequiredStream { wanted, found: None }).collect();
    // One search for the whole time: liblsl asks machines that it knows by address only half a second after it
    // has asked everybody.
    let search = ContinuousResolver::new(FORGET_SECONDS).map_err(failed)?;
    let deadline = Instant::now() + patience;
    loop {
        let visible: Vec<_> = search
            .results()
            .map_err(failed)?
            .iter()
            .map(|info| VisibleStream {
                name: info.stream_name(),
                content_type: info.stream_type(),
                host: info.hostname(),
            })
            .collect();
        required.iter_mut().for_each(|stream| stream.take(&visible));
        if required.iter().all(|stream| stream.found.is_some()) || Instant::now() >= deadline {
            return Ok(required);
        }
        std::thread::sleep(LOOK);
    }
}
