//! What happens between a session and its broker.

use std::num::{NonZeroU16, NonZeroU32};

use arbitrary::{Arbitrary, Result, Unstructured};
use mqtt_session::proto::{QoS, ReasonCode, Version};
use mqtt_testkit::broker::{Overlapping, Settings};

use crate::settings::qos;

/// What the application, the network, the store or the broker does.
#[derive(Debug)]
pub(super) enum Step {
    Publish {
        qos: QoS,
        /// Message Expiry Interval in seconds.
        expiry: Option<u32>,
        /// Bytes of payload beside its number.
        more: usize,
    },
    /// To the filter with this number, of a few.
    Subscribe(QoS, u8),
    Unsubscribe(u8),
    /// The message with this number among those not acknowledged.
    Acknowledge(u8),
    Abandon(u8),
    Disconnect,
    /// The broker publishes what the session is subscribed to.
    Send(QoS),
    /// So many bytes go on to the broker.
    ToBroker(u8),
    /// So many bytes go on to the session.
    ToSession(u8),
    /// All bytes arrive, and the answers to them.
    Arrive,
    /// The connection is cut.
    Cut,
    /// It is opened again, if there is none.
    Open,
    /// So many records are stored.
    Store(u8),
    /// So many tenths of a second pass.
    Pass(u8),
    Broker(Broker),
}

/// What a broker does.
#[derive(Debug)]
pub(super) enum Broker {
    Stall,
    GoOn,
    Disconnect(ReasonCode),
    Refuse(ReasonCode),
    LoseSession,
    Restart,
}

/// One byte for what it is, further ones for its parts.
impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Step> {
        Ok(match input.int_in_range(0..=19u8)? {
            0..=2 => Step::Publish { qos: qos(input)?, expiry: None, more: 0 },
            3 => Step::Publish {
                qos: qos(input)?,
                expiry: Some(input.int_in_range(0..=31u8)?.into()),
                more: input.arbitrary::<u8>()?.into(),
            },
            4 => Step::Subscribe(qos(input)?, input.arbitrary()?),
            5 => Step::Unsubscribe(input.arbitrary()?),
            6 | 7 => Step::Acknowledge(input.arbitrary()?),
            8 => Step::Abandon(input.arbitrary()?),
            9 => Step::Disconnect,
            10 | 11 => Step::Send(qos(input)?),
            12 => Step::ToBroker(input.arbitrary()?),
            13 => Step::ToSession(input.arbitrary()?),
            14 => Step::Arrive,
            15 => Step::Cut,
            16 => Step::Open,
            17 => Step::Store(input.arbitrary()?),
            18 => Step::Pass(input.arbitrary()?),
            _ => Step::Broker(input.arbitrary()?),
        })
    }
}

impl<'a> Arbitrary<'a> for Broker {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Broker> {
        const REASONS: [ReasonCode; 4] = [
            ReasonCode::ServerBusy,
            ReasonCode::QuotaExceeded,
            ReasonCode::MalformedPacket,
            ReasonCode::ServerShuttingDown,
        ];
        Ok(match input.int_in_range(0..=5u8)? {
            0 => Broker::Stall,
            1 => Broker::GoOn,
            2 => Broker::Disconnect(*input.choose(&REASONS)?),
            3 => Broker::Refuse(ReasonCode::ServerBusy),
            4 => Broker::LoseSession,
            _ => Broker::Restart,
        })
    }
}

/// Reads what the broker grants, in 4 bytes. Before 5.0 it has no way to say so, and grants all.
pub(super) fn broker(input: &mut Unstructured<'_>, version: Version) -> Result<Settings> {
    let switches = input.arbitrary::<u8>()?;
    let has = |switch: u8| switches & 1 << switch != 0;
    let size = input.arbitrary::<u8>()?;
    let receive_maximum = NonZeroU16::MIN.saturating_add(input.int_in_range(0..=31u8)?.into());
    let topic_alias_maximum = input.int_in_range(0..=3u8)?.into();
    let generous = Settings {
        outbound_aliases: !has(3),
        reports_no_subscribers: !has(4),
        overlapping: if has(6) { Overlapping::CopyForEach } else { Overlapping::OneCopy },
        log_length: 100_000,
        ..Settings::default()
    };
    if !version.has_properties() {
        return Ok(generous);
    }
    Ok(Settings {
        receive_maximum,
        topic_alias_maximum,
        // Large enough for what this target itself cannot do without.
        maximum_packet_size: has(0).then(|| NonZeroU32::MIN.saturating_add(63 + u32::from(size))),
        wildcard_available: !has(1),
        subscription_identifier_available: !has(2),
        server_keep_alive: has(5).then_some(7),
        ..generous
    })
}
