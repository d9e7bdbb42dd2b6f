//! Engines from ONNX files.

use crate::error::BuildError;
use crate::library::Library;
use crate::network::Network;
use crate::object::Object;
use crate::progress::{Monitor, Progress};
use crate::request::{BuildRequest, Plan, Precision};
use crate::setup::Setup;

/// Builds engines, one at a time.
#[derive(Debug)]
pub struct Builder {
    object: Object,
    library: Library,
}

impl Builder {
    pub(crate) fn new(library: Library, object: Object) -> Self {
        Self { object, library }
    }

    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    /// The library that it came from.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// Builds an engine for the CUDA device that is current on this thread. Seconds to many minutes; `progress` is
    /// called on another thread at every step and at least four times a second, and once at the end.
    ///
    /// # Errors
    /// All of [`BuildError`] but those of [`Library::builder`].
    pub fn build(
        &mut self,
        request: BuildRequest<'_>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Plan, BuildError> {
        let flags = self.network_flags(&request.precision)?;
        let monitor = Monitor::new(self.library.logger(), request.cancel);
        std::thread::scope(|scope| {
            scope.spawn(|| monitor.report(progress));
            // Ends the reporting thread however the build ends.
            let _finish = Finish(&monitor);
            self.build_reported(request, flags, &monitor)
        })
    }

    fn build_reported(
        &mut self,
        request: BuildRequest<'_>,
        network_flags: u32,
        monitor: &Monitor<'_>,
    ) -> Result<Plan, BuildError> {
        let BuildRequest { name, onnx, precision, profiles, .. } = &request;
        let network = Network::parse(&self.library, &self.object, network_flags, name, onnx)?;
        let mut setup = Setup::new(self, name)?;
        setup.flags(precision);
        setup.limits(&request);
        setup.profiles(&network.inputs()?, profiles)?;
        setup.monitor(monitor);
        let calibrator = match request.precision {
            Precision::Int8(calibration) => setup.calibrate(calibration),
            Precision::Fp32 | Precision::Fp16 | Precision::FromModel => None,
        };
        let built = setup.build(&network);
        // Nothing of TensorRT's knows the calibrator any longer.
        drop(setup);
        let (calibration_cache, failure) =
            calibrator.map(|calibrator| calibrator.finish()).unwrap_or_default();
        match (built, failure) {
            (_, Some(reason)) => Err(BuildError::Calibration { name: request.name.into(), reason }),
            (Err(_), None) if monitor.cancelled() => Err(BuildError::Cancelled { name: request.name.into() }),
            (built, None) => Ok(Plan { bytes: built?, calibration_cache }),
        }
    }

    /// What the network is made with, or why this generation cannot do that precision.
    fn network_flags(&self, precision: &Precision<'_>) -> Result<u32, BuildError> {
        let table = self.library.table();
        let library = self.library.to_string();
        match (precision, table.network_flags, table.network_flags_strongly_typed) {
            (Precision::FromModel, _, Some(flags)) => Ok(flags),
            (Precision::FromModel, ..) => Err(BuildError::PrecisionFromBuilder { library }),
            (_, Some(flags), _) => Ok(flags),
            (Precision::Fp32, None, Some(flags)) => Ok(flags),
            _ => Err(BuildError::PrecisionFromModel { library, asked: precision.name() }),
        }
    }
}

struct Finish<'m, 'c>(&'m Monitor<'c>);

impl Drop for Finish<'_, '_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}
