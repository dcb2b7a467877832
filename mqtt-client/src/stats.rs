//! Numbers to look at.

use std::time::Duration;

/// What a client did so far and holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections the broker accepted.
    pub connects: u64,
    /// Attempts that failed.
    pub connect_failures: u64,
    /// Accepted connections that ended, for whatever reason.
    pub disconnects: u64,
    /// DISCONNECTs the broker sent.
    pub server_disconnects: u64,
    /// Connections that ended because the broker broke the standard.
    pub protocol_errors: u64,
    /// Connections that ended because the broker no longer answered PINGREQ.
    pub ping_timeouts: u64,
    /// Publishes accepted for sending.
    pub published: u64,
    /// QoS 0 publishes among them that were not sent: the connection ended first, they expired, or
    /// they were kept for a broker that does not take them. Of those on their way nobody knows.
    pub unsent: u64,
    /// QoS 1/2 publishes the broker acknowledged.
    pub delivered: u64,
    /// Of these, QoS 2 publishes a broker of 3.1.1 answered as if they were QoS 1.
    pub downgraded: u64,
    /// QoS 1/2 publishes the broker rejected.
    pub rejected: u64,
    /// PUBLISH packets sent again with DUP.
    pub replayed: u64,
    /// SUBSCRIBEs the application asked for.
    pub subscribes: u64,
    /// UNSUBSCRIBEs, be they asked for or because nobody holds the subscription any more.
    pub unsubscribes: u64,
    /// Messages received.
    pub received: u64,
    /// Received messages that were dropped at a limit; those of QoS 1/2 were acknowledged.
    pub dropped: u64,
    /// Messages a broker of 3.1.1 sent above `maximum_packet_size`, which were acknowledged unread.
    pub skipped: u64,
    /// Received messages no subscription matched, which were not kept.
    pub unrouted: u64,
    /// QoS 1/2 messages the application dropped without an acknowledgement.
    pub unacknowledged_drops: u64,
    /// Acknowledgements from the broker that belonged to nothing.
    pub ignored_acks: u64,
    /// How often the broker broke the standard and was let pass, unless
    /// [`strict`](crate::Options::strict).
    pub tolerated: u64,
    /// Bytes read from transports.
    pub bytes_in: u64,
    /// Bytes written to transports.
    pub bytes_out: u64,
    /// Now: QoS 1/2 publishes sent and not finished.
    pub in_flight: usize,
    /// Now: QoS 1/2 publishes that wait to be sent.
    pub pending: usize,
    /// Now: QoS 1/2 publishes that can be sent before another is finished; 0 without a connection.
    pub send_quota: usize,
    /// Now: QoS 1/2 messages received and not yet acknowledged.
    pub unacknowledged: usize,
    /// Now: bytes of QoS 0 messages held for consumers.
    pub held_bytes: usize,
    /// Now: subscriptions.
    pub subscriptions: usize,
}

/// A message the application has not acknowledged, behind which later acknowledgements wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unacknowledged {
    /// How long ago it was received.
    pub age: Duration,
    /// Its topic.
    pub topic: String,
}
