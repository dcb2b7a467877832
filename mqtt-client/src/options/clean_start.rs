//! Which sessions the broker is to forget.

use super::Options;

impl Options {
    /// Clean Start of the first CONNECT: forget the session of an earlier run. Default: true.
    /// Reconnects resume unless told otherwise; see also
    /// [`Client::reset_session`](crate::Client::reset_session).
    pub fn clean_start(mut self, clean_start: bool) -> Options {
        self.connect.clean_start = clean_start;
        self
    }

    /// Clean Start of every later CONNECT: no session is resumed, so that
    /// [`session_loss`](Options::session_loss) decides about what may have been sent, and
    /// subscriptions are made again. Default: false.
    pub fn clean_start_on_reconnect(mut self, clean_start: bool) -> Options {
        self.connect.clean_start_on_reconnect = clean_start;
        self
    }
}
