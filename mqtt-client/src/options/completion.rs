//! When a QoS 0 publish is done.

use std::fmt;

use super::Options;

/// When a QoS 0 publish is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Completion {
    /// When it is queued. Whether it is written is not known.
    #[default]
    Queued,
    /// When the transport took all of it and flushed it, as TLS does once its record was taken. When
    /// the connection ends before that it fails with
    /// [`ConnectionLost`](crate::PublishError::ConnectionLost). It costs more than being queued.
    Written,
}

impl Options {
    /// When a QoS 0 publish is done. Default: [`Completion::Queued`].
    pub fn qos0_completion(mut self, completion: Completion) -> Options {
        self.sending.qos0_completion = completion;
        self
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Completion::Queued => "queued",
            Completion::Written => "written",
        })
    }
}
