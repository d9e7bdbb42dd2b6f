//! The settings of one build, made by calls of the builder's configuration.

use std::ffi::{CString, c_int, c_void};

use crate::abi::call::{This, virtual_call};
use crate::abi::enums::{
    BUILDER_FLAG_FP16, BUILDER_FLAG_INT8, MEMORY_POOL_WORKSPACE, PROFILE_SELECTORS, PROFILING_DETAILED,
};
use crate::abi::slots::Generation;
use crate::builder::Builder;
use crate::calibration::{Calibration, Calibrator};
use crate::error::{BuildError, Said};
use crate::logger::Mark;
use crate::network::{Network, NetworkInput};
use crate::object::Object;
use crate::progress::Monitor;
use crate::request::{BuildRequest, Precision, Profile, ShapeRange};

/// The settings of one build.
pub(crate) struct Setup<'b> {
    config: Object,
    builder: &'b Builder,
    name: &'b str,
    /// TensorRT's, for calibration; deleted with the builder.
    first_profile: Option<This>,
    mark: Mark,
}

impl<'b> Setup<'b> {
    pub(crate) fn new(builder: &'b Builder, name: &'b str) -> Result<Self, BuildError> {
        let mark = builder.library().logger().mark();
        let slot = builder.library().table().builder.create_builder_config;
        // SAFETY: the slot and the signature are this generation's; the configuration is ours and goes before the
        // builder.
        let config =
            unsafe { Object::own(virtual_call!(builder.object().implementation(), slot, () -> This)) };
        let said = || builder.library().logger().errors_since(mark);
        let config = config.ok_or_else(|| BuildError::Failed {
            name: name.to_owned(),
            step: "making a builder configuration",
            said: said(),
        })?;
        Ok(Self { config, builder, name, first_profile: None, mark })
    }

    fn table(&self) -> &'static Generation {
        self.builder.library().table()
    }

    fn said(&self) -> Said {
        self.builder.library().logger().errors_since(self.mark)
    }

    fn failed(&self, step: &'static str) -> BuildError {
        BuildError::Failed { name: self.name.to_owned(), step, said: self.said() }
    }

    /// Calls a setter of the configuration that takes one number, or two.
    fn set(&self, slot: usize, values: &[c_int]) {
        let this = self.config.implementation();
        // SAFETY: every caller passes a slot of this generation whose function takes as many 32-bit numbers, and
        // whose result, if any, is not needed.
        unsafe {
            match *values {
                [value] => virtual_call!(this, slot, (c_int: value) -> ()),
                [first, second] => virtual_call!(this, slot, (c_int: first, c_int: second) -> ()),
                _ => unreachable!("setters take one number or two"),
            }
        }
    }

    pub(crate) fn flags(&self, precision: &Precision<'_>) {
        let (table, slots) = (self.table(), &self.table().config);
        match precision {
            Precision::Fp32 | Precision::FromModel => self.set(slots.clear_flag, &[table.builder_flag_tf32]),
            Precision::Fp16 => self.set(slots.set_flag, &[BUILDER_FLAG_FP16]),
            Precision::Int8(_) => {
                self.set(slots.set_flag, &[BUILDER_FLAG_FP16]);
                self.set(slots.set_flag, &[BUILDER_FLAG_INT8]);
            }
        }
    }

    pub(crate) fn limits(&self, request: &BuildRequest<'_>) {
        let slots = &self.table().config;
        if let Some(bytes) = request.workspace_bytes {
            let (this, slot) = (self.config.implementation(), slots.set_memory_pool_limit);
            // SAFETY: the slot and the signature are this generation's.
            unsafe { virtual_call!(this, slot, (c_int: MEMORY_POOL_WORKSPACE, u64: bytes) -> ()) };
        }
        if let Some(level) = request.optimization_level {
            self.set(slots.set_builder_optimization_level, &[level]);
        }
        if let Some(streams) = request.max_aux_streams {
            self.set(slots.set_max_aux_streams, &[streams]);
        }
        if request.detailed_layers {
            self.set(slots.set_profiling_verbosity, &[PROFILING_DETAILED]);
        }
        if let Some(shared) = &slots.share_profiles {
            self.set(shared.set_preview_feature, &[shared.feature, 1]);
        }
    }

    pub(crate) fn profiles(
        &mut self,
        inputs: &[NetworkInput],
        profiles: &[Profile],
    ) -> Result<(), BuildError> {
        for input in inputs.iter().filter(|input| input.shape.iter().any(|&axis| axis < 0)) {
            if profiles.is_empty() || profiles.iter().any(|p| !p.inputs.contains_key(&input.name)) {
                let (name, expected) = (self.name.to_owned(), input.shape.clone());
                return Err(BuildError::NoProfile { name, input: input.name.clone(), expected });
            }
        }
        profiles.iter().try_for_each(|profile| self.profile(inputs, profile))
    }

    fn profile(&mut self, inputs: &[NetworkInput], profile: &Profile) -> Result<(), BuildError> {
        let slot = self.table().builder.create_optimization_profile;
        // SAFETY: the slot and the signature are this generation's; the profile belongs to the builder.
        let object = unsafe { virtual_call!(self.builder.object().implementation(), slot, () -> This) };
        if object.is_null() {
            return Err(self.failed("making an optimisation profile"));
        }
        for (input, range) in &profile.inputs {
            self.check_range(inputs, input, range)?;
            self.set_range(object, input, range)?;
        }
        let slot = self.table().config.add_optimization_profile;
        // SAFETY: the slot and the signature are this generation's.
        let index = unsafe { virtual_call!(self.config.implementation(), slot, (This: object) -> i32) };
        if index < 0 {
            return Err(self.failed("adding an optimisation profile"));
        }
        self.first_profile.get_or_insert(object);
        Ok(())
    }

    /// What TensorRT would refuse, with a message that says why.
    fn check_range(
        &self,
        inputs: &[NetworkInput],
        input: &str,
        range: &ShapeRange,
    ) -> Result<(), BuildError> {
        let Some(known) = inputs.iter().find(|known| known.name == input) else {
            return Err(BuildError::UnknownInput {
                name: self.name.to_owned(),
                input: input.to_owned(),
                inputs: inputs.iter().map(|input| input.name.clone()).collect(),
            });
        };
        let fits = |shape: &[i64]| {
            self.table().dims.holds(shape)
                && shape.len() == known.shape.len()
                && shape.iter().zip(&known.shape).all(
                    |(&axis, &asked)| {
                        if asked < 0 { axis >= 0 } else { axis == asked }
                    },
                )
        };
        let ordered = |small: &[i64], large: &[i64]| small.iter().zip(large).all(|(s, l)| s <= l);
        let ShapeRange { min, opt, max } = range;
        let wrong = [min, opt, max].into_iter().find(|shape| !fits(shape));
        let wrong = wrong.or_else(|| (!ordered(min, opt)).then_some(opt));
        match wrong.or_else(|| (!ordered(opt, max)).then_some(max)) {
            None => Ok(()),
            Some(shape) => Err(BuildError::Shape {
                name: self.name.to_owned(),
                input: input.to_owned(),
                expected: known.shape.clone(),
                shape: shape.clone(),
            }),
        }
    }

    fn set_range(&self, profile: This, input: &str, range: &ShapeRange) -> Result<(), BuildError> {
        let c_input = CString::new(input).map_err(|_| BuildError::Name(input.to_owned()))?;
        let slot = self.table().profile.set_dimensions;
        for (selector, shape) in PROFILE_SELECTORS.into_iter().zip([&range.min, &range.opt, &range.max]) {
            // SAFETY: `profile` is a live profile of the builder, the slot this generation's; the name is a C
            // string.
            let taken = unsafe {
                let this = crate::abi::call::implementation(profile);
                self.table().dims.set_profile_shape(this, slot, c_input.as_ptr(), selector, shape)
            };
            if !taken {
                return Err(self.failed("setting the shapes of an optimisation profile"));
            }
        }
        Ok(())
    }

    /// The monitor outlives the build, after which nobody calls it.
    pub(crate) fn monitor(&self, monitor: &Monitor<'_>) {
        if let Some(slot) = self.table().config.set_progress_monitor {
            // SAFETY: the slot and the signature are this generation's; the monitor has the layout of the interface.
            unsafe {
                virtual_call!(self.config.implementation(), slot, (This: monitor.as_object()) -> ());
            }
        }
    }

    /// The calibrator stays where it is (on the heap) and outlives the build.
    pub(crate) fn calibrate<'c>(&self, calibration: Calibration<'c>) -> Option<Box<Calibrator<'c>>> {
        let table = self.table();
        let slots = table.config.calibration.as_ref()?;
        let calibrator = Box::new(Calibrator::new(calibration, table.versioned_interfaces));
        let this = self.config.implementation();
        // SAFETY: the slots and the signatures are this generation's; the calibrator has the layout of the interface.
        unsafe {
            virtual_call!(this, slots.set_int8_calibrator, (This: calibrator.as_object()) -> ());
            if let Some(profile) = self.first_profile {
                virtual_call!(this, slots.set_calibration_profile, (This: profile) -> bool);
            }
        }
        Some(calibrator)
    }

    pub(crate) fn build(&self, network: &Network<'_>) -> Result<Vec<u8>, BuildError> {
        let (this, slot) =
            (self.builder.object().implementation(), self.table().builder.build_serialized_network);
        // SAFETY: the slots and the signatures are this generation's; network and configuration are passed as the
        // public objects that they are; the memory is copied before it is deleted.
        unsafe {
            let memory =
                virtual_call!(this, slot, (This: network.public(), This: self.config.public()) -> This);
            let memory = Object::own(memory).ok_or_else(|| self.failed("building the engine"))?;
            let slots = &self.table().host_memory;
            let data = virtual_call!(memory.implementation(), slots.data, () -> *const c_void);
            let size = virtual_call!(memory.implementation(), slots.size, () -> usize);
            if data.is_null() {
                return Err(self.failed("serialising the engine"));
            }
            Ok(std::slice::from_raw_parts(data.cast::<u8>(), size).to_vec())
        }
    }
}
