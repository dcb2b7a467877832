//! What happens to a session.

use arbitrary::{Arbitrary, Result, Unstructured};
use mqtt_session::proto::{QoS, ReasonCode, Version};

use crate::settings::{qos, version};

/// What the peer, the owner, the store or the time does.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// Bytes arrive.
    Receive(&'a [u8]),
    /// The owner polls so many events.
    Poll(u8),
    /// It transmits into an empty buffer of so many bytes.
    Transmit(usize),
    /// It takes so many records, and the store reports them.
    Store(u8),
    /// The store fails with all it has not reported.
    StoreFails,
    /// So many milliseconds pass.
    Pass(u16),
    /// The owner stops reading, or goes on.
    Pause(bool),
    /// The transport ends, and the next is opened.
    Reopen(Opening),
    Acknowledge(ReasonCode),
    Abandon,
    Publish(QoS, Extra),
    Subscribe(QoS),
    Unsubscribe,
    Authenticate(ReasonCode),
    Disconnect(ReasonCode),
}

/// The CONNECT of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) version: Version,
    pub(super) clean_start: bool,
    pub(super) authenticates: bool,
    pub(super) asks_for_id: bool,
    pub(super) keep_alive: u16,
}

/// What a publish has beside its QoS.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extra {
    None,
    Retain,
    /// Seconds.
    Expiry(u32),
    /// Bytes of payload.
    Long(usize),
}

/// One byte for what it is, further ones for its parts.
impl<'a> Arbitrary<'a> for Step<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Step<'a>> {
        Ok(match input.int_in_range(0..=15u8)? {
            0 | 1 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                Step::Receive(input.bytes(len)?)
            }
            2 => Step::Poll(input.arbitrary()?),
            3 => Step::Transmit(input.arbitrary::<u8>()?.into()),
            4 => Step::Store(input.arbitrary()?),
            5 => Step::StoreFails,
            6 => Step::Pass(input.arbitrary()?),
            7 => Step::Pause(input.arbitrary()?),
            8 => Step::Reopen(input.arbitrary()?),
            9 => Step::Acknowledge(reason(input)?),
            10 => Step::Abandon,
            11 => Step::Publish(qos(input)?, input.arbitrary()?),
            12 => Step::Subscribe(qos(input)?),
            13 => Step::Unsubscribe,
            14 => Step::Authenticate(reason(input)?),
            _ => Step::Disconnect(reason(input)?),
        })
    }
}

impl<'a> Arbitrary<'a> for Opening {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Opening> {
        let version = version(input)?;
        let switches = input.arbitrary::<u8>()?;
        Ok(Opening {
            version,
            clean_start: switches & 1 != 0,
            authenticates: switches & 2 != 0,
            asks_for_id: switches & 4 != 0,
            keep_alive: input.arbitrary::<u8>()?.into(),
        })
    }
}

impl<'a> Arbitrary<'a> for Extra {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Extra> {
        Ok(match input.int_in_range(0..=3u8)? {
            0 => Extra::None,
            1 => Extra::Retain,
            2 => Extra::Expiry(input.arbitrary::<u8>()?.into()),
            _ => Extra::Long(input.arbitrary::<u16>()?.into()),
        })
    }
}

/// Any reason code there is.
fn reason(input: &mut Unstructured<'_>) -> Result<ReasonCode> {
    Ok(ReasonCode::from_u8(input.arbitrary()?).unwrap_or(ReasonCode::Success))
}
