//! How a script is written: its steps.

use std::time::Duration;

use mqtt_session::proto::{Packet, PacketType};

use super::Script;
use super::step::{Expected, Step};
use crate::Line;
use crate::frames;

/// Steps: what the other end does.
impl Script {
    /// The next packet is this one; how its properties are written does not matter.
    #[must_use]
    pub fn expect(self, packet: &Packet<'_>) -> Script {
        let step = match frames::encode(packet, self.stage.their_dialect()) {
            Ok(bytes) => {
                let line = Line(packet).to_string();
                Step::Expect(Expected::Packet { bytes, line })
            }
            Err(error) => Step::unwritable(packet, &error),
        };
        self.step(step)
    }

    /// The next packet is of this type.
    #[must_use]
    pub fn expect_type(self, packet_type: PacketType) -> Script {
        self.step(Step::Expect(Expected::Type(packet_type)))
    }

    /// The next packet is one that `is_right` takes; `what` says in words which those are.
    #[must_use]
    pub fn expect_that(
        self,
        what: impl Into<String>,
        is_right: impl Fn(&Packet<'_>) -> bool + Send + 'static,
    ) -> Script {
        let (what, is_right) = (what.into(), Box::new(is_right));
        self.step(Step::Expect(Expected::That { what, is_right }))
    }

    /// The next bytes are these.
    #[must_use]
    pub fn expect_bytes(self, bytes: impl Into<Vec<u8>>) -> Script {
        self.step(Step::Expect(Expected::Bytes(bytes.into())))
    }

    /// The other end sends nothing more and ends the connection.
    #[must_use]
    pub fn expect_end(self) -> Script {
        self.step(Step::ExpectEnd)
    }

    /// The step before this one is taken within so long of the one before that: later is too late.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mqtt_session::Time;
    /// use mqtt_session::proto::{PacketType, Version};
    /// use mqtt_testkit::Script;
    ///
    /// let mut broker = Script::new(Version::V5)
    ///     .expect_type(PacketType::Connect)
    ///     .within(Duration::from_secs(2));
    /// broker.poll_transmit(Time::ZERO, &mut Vec::new());
    /// let late = broker.poll_timeout().expect("the deadline");
    /// broker.handle_input(late, &[]);
    /// assert_eq!(broker.result().unwrap_err().seen, "nothing in that time");
    /// ```
    #[must_use]
    pub fn within(mut self, duration: Duration) -> Script {
        match self.steps.back_mut() {
            Some(step) => step.limit(duration),
            None => return self.step(Step::Unwritable("a deadline for no step".to_owned())),
        }
        self
    }

    /// The connection ends, whoever ends it, and the steps behind this one are those of the next:
    /// the driver calls [`handle_open`](Script::handle_open) when it is there.
    ///
    /// Nothing is sent on the old one any more. After [`close`](Script::close) what still comes is
    /// not looked at, for the other end may not know yet.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use mqtt_session::proto::{ConnAck, Packet, PacketType, Properties, ReasonCode, Version};
    /// use mqtt_testkit::Script;
    ///
    /// let reason = ReasonCode::Success;
    /// let new = ConnAck { session_present: false, reason, properties: Properties::EMPTY };
    /// let resumed = ConnAck { session_present: true, ..new };
    /// let broker = Script::new(Version::V5)
    ///     .expect_type(PacketType::Connect)
    ///     .reply(&Packet::ConnAck(new))
    ///     .expect_type(PacketType::Publish)
    ///     .close()
    ///     .reconnect()
    ///     .within(Duration::from_secs(5))
    ///     .expect_type(PacketType::Connect)
    ///     .reply(&Packet::ConnAck(resumed))
    ///     .expect_that("it again", |packet| {
    ///         matches!(packet, Packet::Publish(publish) if publish.dup)
    ///     });
    /// ```
    #[must_use]
    pub fn reconnect(self) -> Script {
        self.step(Step::Reconnect)
    }

    /// For so long the other end neither sends anything nor ends the connection.
    #[must_use]
    pub fn expect_silence(self, duration: Duration) -> Script {
        self.step(Step::Silence(duration))
    }
}

/// Steps: what this end does.
impl Script {
    /// Sends this packet.
    #[must_use]
    pub fn reply(self, packet: &Packet<'_>) -> Script {
        let dialect = self.stage.own_dialect();
        let step = match frames::encode(packet, dialect) {
            Ok(bytes) => Step::Send(bytes),
            Err(error) => Step::unwritable(packet, &error),
        };
        self.step(step)
    }

    /// Sends the packet that `answer` makes of the one received last.
    ///
    /// ```
    /// use mqtt_session::proto::{Ack, Packet, PacketType, PubAck, Version};
    /// use mqtt_testkit::Script;
    ///
    /// let script = Script::new(Version::V5)
    ///     .expect_type(PacketType::Publish)
    ///     .reply_with(|packet| match packet {
    ///         Packet::Publish(publish) => {
    ///             Packet::PubAck(PubAck(Ack::success(publish.packet_id.expect("QoS 1"))))
    ///         }
    ///         other => unreachable!("not expected: {other:?}"),
    ///     });
    /// ```
    #[must_use]
    pub fn reply_with(
        self,
        answer: impl for<'a> Fn(&Packet<'a>) -> Packet<'a> + Send + 'static,
    ) -> Script {
        self.step(Step::Answer(Box::new(answer)))
    }

    /// Sends these bytes, which need not be a packet.
    #[must_use]
    pub fn reply_bytes(self, bytes: impl Into<Vec<u8>>) -> Script {
        self.step(Step::Send(bytes.into()))
    }

    /// The next step comes so much later. What is received meanwhile waits.
    #[must_use]
    pub fn after(self, duration: Duration) -> Script {
        self.step(Step::After(duration))
    }

    /// Ends the connection once all was sent.
    #[must_use]
    pub fn close(self) -> Script {
        self.step(Step::Close)
    }
}
