//! The QoS of messages.

use mqtt_session::proto::QoS;

use super::Options;

impl Options {
    /// The QoS of messages that were told none. Default: QoS 0.
    pub fn default_qos(mut self, qos: QoS) -> Options {
        self.sending.default_qos = qos;
        self
    }

    /// Whether a message above the broker's Maximum QoS (5.0) is published at that, and has its outcome.
    /// One accepted without a connection goes at QoS 1 in place of 2; to a broker of QoS 0 alone it
    /// fails. Default: false, it fails.
    pub fn qos_downgrade(mut self, downgrade: bool) -> Options {
        self.sending.qos_downgrade = downgrade;
        self
    }
}
