//! TLS for the brokers whose URL takes it.

use super::Options;
use crate::Tls;

impl Options {
    /// How `mqtts://` brokers are connected to; without this they are an error. `mqtt://` brokers
    /// stay without TLS. Where a broker redirects to is spoken to as that broker was. Default: none.
    ///
    /// The certificates are read when the client is made; an error names what is wrong with them.
    /// A certificate that is not accepted is [`ConnectError::Tls`](crate::ConnectError::Tls), and is
    /// tried again at the longest delay.
    pub fn tls(mut self, tls: Tls) -> Options {
        self.tls = Some(tls);
        self
    }
}
