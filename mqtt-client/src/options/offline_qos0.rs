//! QoS 0 without a connection.

use std::fmt;

use super::Options;

/// What happens to a QoS 0 publish without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum OfflineQoS0 {
    /// It fails with [`NotConnected`](crate::PublishError::NotConnected), and what waits to be
    /// written when the connection ends is lost ([`Stats::unsent`](crate::Stats::unsent)).
    #[default]
    Fail,
    /// It is kept in memory, within [`write_queue`](Options::write_queue), and sent on the next
    /// connection; so is what was not yet given to the transport when one ends. What the broker
    /// does not take then is counted there, too; with
    /// [`Completion::Written`](crate::Completion::Written) the publish fails with the reason.
    Keep,
}

impl Options {
    /// What happens to QoS 0 without a connection. Default: [`OfflineQoS0::Fail`].
    pub fn offline_qos0(mut self, offline: OfflineQoS0) -> Options {
        self.sending.offline_qos0 = offline;
        self
    }
}

impl fmt::Display for OfflineQoS0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OfflineQoS0::Fail => "fail",
            OfflineQoS0::Keep => "keep",
        })
    }
}
