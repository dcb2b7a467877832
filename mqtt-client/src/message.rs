//! A message that was received, and its acknowledgement.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use mqtt_session::Delivery;
use mqtt_session::proto::{
    Dialect, PacketType, Properties, Publish, QoS, ReasonCode, Role, Version,
};

use crate::shared::Shared;

/// When a message of QoS 1/2 is acknowledged to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Ack {
    /// When its [`Message`] is dropped: whoever owns it acknowledges it by being done with it. One
    /// that a panicking thread drops is dropped without, as with [`Ack::Manual`].
    #[default]
    OnDrop,
    /// By [`Message::ack`] alone. A message dropped without it stays unacknowledged, is counted,
    /// and comes again when the session is resumed on a new connection. Until then the
    /// acknowledgements of what came after it wait.
    Manual,
    /// When the application takes it.
    OnReceive,
}

/// A message that was received.
///
/// It owns its bytes and may be kept for ever. With QoS 1/2 the broker has an answer to get: see
/// [`Ack`]. Wrap it in an [`Arc`] to share it.
pub struct Message {
    content: Content,
    unanswered: Option<Unanswered>,
}

/// What a message says, in one allocation of its own; a large payload stays where it was received.
///
/// ```text
///   bytes │ topic │ properties │ payload │
///                 ▲ topic_len  ▲ payload_at
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Content {
    bytes: Stored,
    topic_len: u16,
    payload_at: u32,
    qos: QoS,
    retain: bool,
    dup: bool,
}

/// The bytes of a message. As small as the first of the two: most messages are.
#[derive(Clone, Debug)]
enum Stored {
    Whole(Box<[u8]>),
    Large(Box<Large>),
}

/// The bytes of a message with a large payload.
#[derive(Clone, Debug)]
struct Large {
    head: Box<[u8]>,
    payload: Bytes,
}

/// A message that the session gave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Incoming<'a> {
    /// It lies in the receive buffer.
    Borrowed(&'a mqtt_session::Message<'a>),
    /// Its payload was taken out.
    Taken(&'a Arrived),
}

/// A message on its way to the application: plain data that can be dropped under the lock.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) content: Content,
    pub(crate) delivery: Option<Delivery>,
}

/// The acknowledgement the application owes.
struct Unanswered {
    shared: Arc<Shared>,
    delivery: Delivery,
    mode: Ack,
    done: AtomicBool,
}

impl Message {
    /// Hands a message to the application.
    #[inline]
    pub(crate) fn hand_out(arrived: Arrived, mode: Ack, shared: &Arc<Shared>) -> Message {
        let unanswered = arrived.delivery.map(|delivery| Unanswered {
            shared: Arc::clone(shared),
            delivery,
            mode,
            done: AtomicBool::new(false),
        });
        let message = Message { content: arrived.content, unanswered };
        if mode == Ack::OnReceive {
            message.ack();
        }
        message
    }

    /// The Topic Name.
    pub fn topic(&self) -> &str {
        self.content.topic()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.content.payload()
    }

    /// The payload alone, without a copy. With [`Ack::OnDrop`] this acknowledges the message.
    pub fn into_payload(mut self) -> Bytes {
        match mem::take(&mut self.content.bytes) {
            Stored::Whole(bytes) => Bytes::from(bytes).split_off(self.content.payload_at as usize),
            Stored::Large(large) => large.payload,
        }
    }

    /// The QoS it was sent with.
    pub fn qos(&self) -> QoS {
        self.content.qos
    }

    /// RETAIN: it was kept by the broker from before the subscription, or the subscription asked
    /// to see the flag as it was published.
    pub fn retain(&self) -> bool {
        self.content.retain
    }

    /// DUP: the broker may have sent it before.
    pub fn dup(&self) -> bool {
        self.content.dup
    }

    /// The properties (5.0), empty in 3.1.1.
    pub fn properties(&self) -> Properties<'_> {
        self.content.properties()
    }

    /// Acknowledges the message: PUBACK, or PUBREC.
    ///
    /// Idempotent, and callable from any thread. Nothing happens for QoS 0, or when the session
    /// it came in is gone. PUBACKs leave in the order the messages came. If the message went to
    /// several subscriptions, the broker gets its answer when all have given theirs.
    pub fn ack(&self) {
        self.answer(ReasonCode::Success);
    }

    /// Rejects the message with a reason code of 0x80 or above (in 3.1.1 it is acknowledged): the
    /// broker does not send it again. See [`Message::ack`].
    pub fn reject(&self, reason: ReasonCode) {
        self.answer(reason);
    }

    fn answer(&self, reason: ReasonCode) {
        if let Some(unanswered) = &self.unanswered
            && !unanswered.done.swap(true, Ordering::AcqRel)
        {
            unanswered.shared.with(|state| state.ack(unanswered.delivery, reason));
        }
    }
}

impl Arrived {
    /// Copies a message out of the receive buffer.
    #[inline]
    pub(crate) fn copy(message: &mqtt_session::Message<'_>) -> Arrived {
        Arrived { content: Content::copy(&message.publish), delivery: message.delivery }
    }

    pub(crate) fn topic(&self) -> &str {
        self.content.topic()
    }

    /// Copies all but the payload, which `set_payload` gives then.
    pub(crate) fn copy_head(message: &mqtt_session::Message<'_>) -> Arrived {
        let head = Publish { payload: &[], ..message.publish };
        let mut content = Content::copy(&head);
        if let Stored::Whole(head) = content.bytes {
            content.bytes = Stored::Large(Box::new(Large { head, payload: Bytes::new() }));
        }
        Arrived { content, delivery: message.delivery }
    }

    /// The payload is what the end of this buffer holds.
    pub(crate) fn set_payload(&mut self, buffer: Vec<u8>, len: usize) {
        if let Stored::Large(large) = &mut self.content.bytes {
            let mut buffer = Bytes::from(buffer);
            large.payload = buffer.split_off(buffer.len().saturating_sub(len));
        }
    }

    pub(crate) fn is_qos0(&self) -> bool {
        self.delivery.is_none()
    }

    /// The memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.content.head().len() + self.content.large_len() + size_of::<Arrived>()
    }
}

impl Incoming<'_> {
    pub(crate) fn topic(&self) -> &str {
        match self {
            Incoming::Borrowed(message) => message.publish.topic,
            Incoming::Taken(arrived) => arrived.content.topic(),
        }
    }

    pub(crate) fn delivery(&self) -> Option<Delivery> {
        match self {
            Incoming::Borrowed(message) => message.delivery,
            Incoming::Taken(arrived) => arrived.delivery,
        }
    }

    pub(crate) fn properties(&self) -> Properties<'_> {
        match self {
            Incoming::Borrowed(message) => message.publish.properties,
            Incoming::Taken(arrived) => arrived.content.properties(),
        }
    }

    pub(crate) fn retain(&self) -> bool {
        match self {
            Incoming::Borrowed(message) => message.publish.retain,
            Incoming::Taken(arrived) => arrived.content.retain,
        }
    }

    /// The message to be handed on. A large payload is shared.
    #[inline]
    pub(crate) fn to_arrived(self) -> Arrived {
        match self {
            Incoming::Borrowed(message) => Arrived::copy(message),
            Incoming::Taken(arrived) => arrived.clone(),
        }
    }
}

impl Default for Stored {
    fn default() -> Stored {
        Stored::Whole(Box::default())
    }
}

#[cfg(test)]
const _: () = assert!(size_of::<Stored>() == size_of::<Box<[u8]>>());

impl Drop for Message {
    fn drop(&mut self) {
        let Some(unanswered) = &mut self.unanswered else { return };
        if *unanswered.done.get_mut() {
            return;
        }
        if unanswered.mode == Ack::OnDrop && !std::thread::panicking() {
            unanswered.shared.with(|state| state.ack(unanswered.delivery, ReasonCode::Success));
        } else {
            unanswered.shared.with(|state| state.abandon_message(unanswered.delivery));
        }
    }
}

impl fmt::Debug for Message {
    /// Says how long the payload is, not what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic())
            .field("payload", &format_args!("{} bytes", self.payload().len()))
            .field("qos", &self.qos())
            .field("retain", &self.retain())
            .field("dup", &self.dup())
            .field("properties", &self.properties())
            .finish()
    }
}

impl Content {
    #[inline]
    fn copy(publish: &Publish<'_>) -> Content {
        let topic = publish.topic.as_bytes();
        let properties = publish.properties.as_wire().unwrap_or_default();
        let payload_at = topic.len() + properties.len();
        let mut bytes = Vec::with_capacity(payload_at + publish.payload.len());
        bytes.extend_from_slice(topic);
        if !properties.is_empty() {
            bytes.extend_from_slice(properties);
        }
        bytes.extend_from_slice(publish.payload);
        Content {
            bytes: Stored::Whole(bytes.into_boxed_slice()),
            // A packet has less than 256 MiB, its topic less than 64 KiB.
            topic_len: topic.len() as u16,
            payload_at: payload_at as u32,
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
        }
    }

    /// The topic, the properties, and a payload that is not large.
    fn head(&self) -> &[u8] {
        match &self.bytes {
            Stored::Whole(bytes) => bytes,
            Stored::Large(large) => &large.head,
        }
    }

    fn payload(&self) -> &[u8] {
        match &self.bytes {
            Stored::Whole(bytes) => bytes.get(self.payload_at as usize..).unwrap_or_default(),
            Stored::Large(large) => &large.payload,
        }
    }

    fn large_len(&self) -> usize {
        match &self.bytes {
            Stored::Whole(_) => 0,
            Stored::Large(large) => large.payload.len(),
        }
    }

    pub(crate) fn topic(&self) -> &str {
        let bytes = self.head().get(..usize::from(self.topic_len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn properties(&self) -> Properties<'_> {
        let bytes = self.head().get(usize::from(self.topic_len)..self.payload_at as usize);
        let dialect = Dialect { version: Version::V5, sender: Role::Server, lenient: true };
        match bytes {
            None | Some([]) => Properties::EMPTY,
            Some(bytes) => Properties::from_wire(bytes, PacketType::Publish, dialect)
                .unwrap_or(Properties::EMPTY),
        }
    }
}
