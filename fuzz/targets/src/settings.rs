//! A configuration of a session, from the first bytes of an input.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use mqtt_session::proto::{QoS, Version};
use mqtt_session::{Config, Fixed, SessionLoss};

/// The memory of a fixed size that is fuzzed.
pub(crate) type Small = Fixed<8, 8, 4, 1024>;

/// What a session is made with.
pub(crate) struct Setting {
    pub(crate) config: Config,
    /// Memory of a fixed size, or the heap.
    pub(crate) is_fixed: bool,
}

/// Reads a setting of any kind, small enough that limits are met. It takes 12 bytes.
pub(crate) fn setting(input: &mut Unstructured<'_>) -> Result<Setting> {
    let version = version(input)?;
    let [switches, more_switches] = input.arbitrary::<[u8; 2]>()?;
    let has = |switch: u8| switches & 1 << switch != 0;
    let has_also = |switch: u8| more_switches & 1 << switch != 0;
    let config = Config {
        version,
        receive_maximum: NonZeroU16::MIN.saturating_add(input.arbitrary::<u8>()?.into()),
        maximum_packet_size: NonZeroU32::new(u32::from(input.arbitrary::<u16>()?)),
        topic_alias_maximum: input.int_in_range(0..=15u8)?.into(),
        max_in_flight: NonZeroU16::new(input.arbitrary::<u8>()?.into()),
        max_pending: input.int_in_range(0..=31u8)?.into(),
        write_queue: usize::from(input.arbitrary::<u8>()?) * 4,
        ping_timeout: Duration::from_secs(input.int_in_range(0..=31u8)?.into()),
        response_timeout: match input.int_in_range(0..=31u8)? {
            0 => None,
            seconds => Some(Duration::from_secs(seconds.into())),
        },
        report_qos0: has(0),
        keep_qos0: has(1),
        outbound_aliases: has(2),
        optional_identifiers: has(3),
        store: has(4),
        hand_back: has(5),
        strict: has(6),
        strict_session: has(7),
        lenient: has_also(0),
        session_loss: SessionLoss { qos1: has_also(1), qos2: has_also(2) },
        ..Config::new(u64::from(more_switches))
    };
    Ok(Setting { config, is_fixed: has_also(3) })
}

/// 5.0 as often as the others together.
pub(crate) fn version(input: &mut Unstructured<'_>) -> Result<Version> {
    input.choose(&[Version::V5, Version::V3_1_1, Version::V5, Version::V3_1]).copied()
}

pub(crate) fn qos(input: &mut Unstructured<'_>) -> Result<QoS> {
    input.choose(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]).copied()
}
