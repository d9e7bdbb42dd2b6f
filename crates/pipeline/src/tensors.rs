//! Engines by role, and which of their tensors is which.

use std::collections::BTreeMap;

use mien_engine::{Contract, Engine, EngineError, Fit, Role};

use crate::PipelineError;

/// The networks of a pipeline: one for each role that must be there, and optional ones. The [`Contract`] of each
/// role says what they read and give; a detector may also be MediaPipe's BlazeFace
/// ([`BLAZEFACE`](mien_engine::BLAZEFACE)).
#[derive(Default)]
pub struct PipelineEngines(BTreeMap<Role, Box<dyn Engine>>);

impl PipelineEngines {
    /// Puts a network in, in place of the one that had the role.
    pub fn insert(&mut self, role: Role, engine: Box<dyn Engine>) {
        self.0.insert(role, engine);
    }

    /// Takes the network of a role out.
    pub fn remove(&mut self, role: Role) -> Option<Box<dyn Engine>> {
        self.0.remove(&role)
    }

    /// Takes out the network of a role that must be there.
    pub(crate) fn take(&mut self, role: Role) -> Result<Box<dyn Engine>, PipelineError> {
        self.remove(role).ok_or(PipelineError::NoNetwork { role })
    }
}

impl FromIterator<(Role, Box<dyn Engine>)> for PipelineEngines {
    fn from_iter<T: IntoIterator<Item = (Role, Box<dyn Engine>)>>(engines: T) -> Self {
        Self(engines.into_iter().collect())
    }
}

impl<const N: usize> From<[(Role, Box<dyn Engine>); N]> for PipelineEngines {
    fn from(engines: [(Role, Box<dyn Engine>); N]) -> Self {
        engines.into_iter().collect()
    }
}

/// Where the contract's tensors are in an engine.
pub(crate) fn fit(contract: &Contract, engine: &dyn Engine) -> Result<Fit, PipelineError> {
    contract
        .fit(engine.inputs(), engine.outputs())
        .map_err(|misfit| PipelineError::tensor(&engine.info().model_file, contract.role, misfit))
}

/// Says whose engine failed.
pub(crate) fn failed(role: Role) -> impl Fn(EngineError) -> PipelineError {
    move |source| PipelineError::Engine { role, source }
}
