//! What a stream carries, in the words of the XDF metadata conventions.

use crate::Element;

/// How the values of a stream are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelFormat {
    /// 32-bit float.
    Float32,
    /// 64-bit float.
    Double64,
    /// UTF-8 text.
    String,
    /// Signed 8-bit integer.
    Int8,
    /// Signed 16-bit integer.
    Int16,
    /// Signed 32-bit integer.
    Int32,
    /// Signed 64-bit integer.
    Int64,
}

impl ChannelFormat {
    /// The name in stream headers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Double64 => "double64",
            Self::String => "string",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
        }
    }

    /// The format of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Float32, Self::Double64, Self::String, Self::Int8, Self::Int16, Self::Int32, Self::Int64]
            .into_iter()
            .find(|format| format.name() == name)
    }
}

/// One channel of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Channel {
    /// Name of the channel.
    pub label: String,
    /// Unit in the conventions' spelling (`meters`, `degrees`, `normalized`, `pixels`, `seconds`, …).
    pub unit: String,
    /// What kind of data it is (`PositionX`, `OrientationA`, `Confidence`, …).
    pub content_type: String,
    /// The point on the body that it belongs to, where there is one.
    pub marker: Option<String>,
}

impl Channel {
    /// A channel that belongs to no marker.
    #[must_use]
    pub fn new(label: impl Into<String>, content_type: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { label: label.into(), unit: unit.into(), content_type: content_type.into(), marker: None }
    }

    fn element(&self) -> Element {
        let element = Element::new("channel").with(Element::text("label", &self.label));
        let element = match &self.marker {
            Some(marker) => element.with(Element::text("marker", marker)),
            None => element,
        };
        element.with(Element::text("type", &self.content_type)).with(Element::text("unit", &self.unit))
    }
}

/// What a stream carries and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamDescription {
    /// Name of the stream.
    pub name: String,
    /// Content type (`MoCap`, `Markers`, …).
    pub content_type: String,
    /// How every channel's values are stored.
    pub format: ChannelFormat,
    /// Samples a second; 0 for an irregular stream.
    pub nominal_rate_hz: f64,
    /// Stays the same over restarts, so that consumers find the stream again.
    pub source_id: String,
    /// The channels in order.
    pub channels: Vec<Channel>,
    /// Further children of `<desc>`, such as `<acquisition>` and `<synchronization>`.
    pub details: Vec<Element>,
}

impl StreamDescription {
    /// The `<info>` document that heads an XDF stream and makes an LSL stream. `created_at` is in
    /// seconds on the recorder's clock.
    #[must_use]
    pub fn document(&self, created_at: f64) -> String {
        let channels = Element::new("channels").with_all(self.channels.iter().map(Channel::element));
        Element::new("info")
            .with(Element::text("name", &self.name))
            .with(Element::text("type", &self.content_type))
            .with(Element::text("channel_count", self.channels.len()))
            .with(Element::text("channel_format", self.format.name()))
            .with(Element::text("source_id", &self.source_id))
            .with(Element::text("nominal_srate", self.nominal_rate_hz))
            .with(Element::text("version", "1.10"))
            .with(Element::text("created_at", created_at))
            .with(Element::text("uid", format_args!("{}@{created_at}", self.source_id)))
            .with(Element::text("session_id", "default"))
            .with(Element::text("hostname", ""))
            // liblsl fills these in for an outlet, but refuses a document without them.
            .with(Element::text("v4address", ""))
            .with(Element::text("v4data_port", 0))
            .with(Element::text("v4service_port", 0))
            .with(Element::text("v6address", ""))
            .with(Element::text("v6data_port", 0))
            .with(Element::text("v6service_port", 0))
            .with(Element::new("desc").with(channels).with_all(self.details.iter().cloned()))
            .document()
    }
}
