//! Which of the models a run uses, and what of a face it therefore does not measure.

use mien_config::{Models, NetworkChoice};
use mien_engine::Role;
use mien_face::{FacePart, FaceParts};

use crate::{ModelError, ModelFile, ModelSet, Origin};

/// The models of a run.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// One for each role that is used, in the order of [`Role::ALL`].
    pub models: Vec<&'a ModelFile>,
    /// What of a face is not measured.
    pub absent: Vec<Absent>,
}

/// A part of a face that is not measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// The part.
    pub part: FacePart,
    /// Why, in words for a person.
    pub reason: String,
}

impl Selection<'_> {
    /// What of a face the run measures, as far as the models' descriptions tell.
    #[must_use]
    pub fn parts(&self) -> FaceParts {
        let absent: Vec<FacePart> = self.absent.iter().map(|absent| absent.part).collect();
        FaceParts::ALL.without(FaceParts::of(&absent))
    }

    /// The model of a role, where one is used.
    #[must_use]
    pub fn get(&self, role: Role) -> Option<&ModelFile> {
        self.models.iter().copied().find(|model| model.role() == role)
    }
}

impl ModelSet {
    /// Decides which models a run uses: one for every role, as far as `wanted` wants the optional ones.
    ///
    /// Without a word in `wanted`, an optional network is used where there is one. One that reads the results of
    /// another, as blendshapes do of landmarks, is not taken from a later place than that one's if a person named
    /// the folder: it was made for other landmarks.
    ///
    /// # Errors
    /// [`ModelError::Missing`] for a role that must be there, [`ModelError::NotPossible`] for an optional one that
    /// is asked for and cannot be used.
    pub fn select(&self, wanted: &Models) -> Result<Selection<'_>, ModelError> {
        let mut selection = Selection { models: Vec::new(), absent: Vec::new() };
        let mut given = FaceParts::NONE;
        for &role in Role::ALL {
            let contract = role.contract();
            if !contract.optional {
                let model = self.get(role)?;
                let gives = model.gives();
                let lacks = contract.gives.without(gives);
                selection.note(
                    lacks,
                    &format!("the {} model {} does not find them", contract.noun, model.entry.file),
                );
                given = given.and(gives);
                selection.models.push(model);
                continue;
            }
            match self.optional(role, given, wanted.choice(role.name()), &selection)? {
                Ok(model) => {
                    given = given.and(model.gives());
                    selection.models.push(model);
                }
                Err(reason) => selection.note(contract.gives, &reason),
            }
        }
        Ok(selection)
    }

    /// The model of an optional role, or why it is left out.
    fn optional(
        &self,
        role: Role,
        given: FaceParts,
        choice: NetworkChoice,
        selection: &Selection<'_>,
    ) -> Result<Result<&ModelFile, String>, ModelError> {
        if choice == NetworkChoice::Off {
            return Ok(Err(format!("switched off (`{role} = \"off\"`)")));
        }
        let is_asked_for = choice == NetworkChoice::On;
        let noun = role.contract().noun;
        let found = match self.get(role) {
            Err(error) if is_asked_for => return Err(error),
            Err(_) => return Ok(Err(format!("there is no {noun} model in {}", self.looked().join(", ")))),
            Ok(model) => model,
        };
        let missing: Vec<&str> = role.contract().needs.without(given).iter().map(FacePart::name).collect();
        let reason = if !missing.is_empty() {
            format!("the {noun} model reads the {}, which are not found", missing.join(" and "))
        } else if let Some(source) = role.contract().reads.and_then(|read| selection.get(read))
            && source.was_named()
            && found.origin > source.origin
            && !is_asked_for
        {
            let (folder, from) = (source.folder().display(), source.role().contract().noun);
            return Ok(Err(format!(
                "{folder} has a {from} model and no {noun} model (`{role} = \"on\"` takes another folder's)"
            )));
        } else {
            return Ok(Ok(found));
        };
        if is_asked_for { Err(ModelError::NotPossible { role, reason }) } else { Ok(Err(reason)) }
    }
}

impl Selection<'_> {
    fn note(&mut self, parts: FaceParts, reason: &str) {
        self.absent.extend(parts.iter().map(|part| Absent { part, reason: reason.to_owned() }));
    }
}

impl ModelFile {
    /// What of a face it gives, as its entry in the manifest tells.
    fn gives(&self) -> FaceParts {
        let contract = self.role().contract();
        let outputs = self.entry.outputs.iter().map(|tensor| {
            let dims = tensor.shape.iter().map(crate::Size::fixed).collect();
            (tensor.name.as_str(), dims)
        });
        match contract.listed_numbers(0, outputs) {
            Some(numbers) => contract.gives(&[numbers]),
            None => contract.gives,
        }
    }

    /// Whether a person named its folder.
    fn was_named(&self) -> bool {
        matches!(self.origin, Origin::Named | Origin::Environment)
    }
}
