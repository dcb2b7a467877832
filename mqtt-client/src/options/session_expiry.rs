//! How long a session outlives its connections.

use std::time::Duration;

/// How long the broker keeps the session after a connection ended (section 3.1.2.11.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionExpiry {
    /// It ends with the connection.
    Immediately,
    /// So long, in whole seconds, at least 1.
    After(Duration),
    /// For ever: only for clients that are sure to come back.
    Never,
}

impl SessionExpiry {
    /// As it stands in CONNECT.
    pub(crate) fn seconds(self) -> u32 {
        match self {
            SessionExpiry::Immediately => 0,
            SessionExpiry::After(time) => u32::try_from(time.as_secs()).unwrap_or(u32::MAX),
            SessionExpiry::Never => u32::MAX,
        }
    }
}

impl From<Duration> for SessionExpiry {
    fn from(time: Duration) -> SessionExpiry {
        SessionExpiry::After(time)
    }
}
