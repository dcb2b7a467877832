//! Topic aliases of this end (section 3.3.2.3.4).

use mqtt_proto::{MAX_REMAINING_LENGTH, PropertyId};

use super::filter::{split_integer, split_text};
use super::put::integer;
use crate::memory::Topics;
use crate::{Config, Limits, Memory, Output};

/// Aliases given at most, whatever the broker takes: one is looked for among all of them.
const MOST: u16 = 64;

/// Bytes of the property. A shorter topic goes without it.
const PROPERTY: usize = 3;

/// What the broker knows of this end's topics on one connection. When all aliases are given the
/// oldest one gets the next topic.
pub(crate) struct Aliases<M: Memory> {
    topics: M::Topics,
    /// Aliases go from 1 to this; 0 while there are none.
    maximum: u16,
    /// The alias given next.
    next: u16,
    /// The largest packet the broker takes.
    packet_size: usize,
}

/// A PUBLISH with an alias put in, up to its other properties.
///
/// ```text
///   [ first | remaining length | topic | identifier | property length | alias ][ properties … ]
///                                or none                                         rest, as it was
/// ```
pub(super) struct Aliased<'a> {
    first: u8,
    remaining_len: usize,
    /// The topic, unless the broker knows the alias already.
    new: Option<&'a str>,
    packet_id: &'a [u8],
    properties_len: usize,
    alias: u16,
    pub(super) rest: &'a [u8],
}

impl<M: Memory> Aliases<M> {
    /// None: before CONNACK, and where they are not wanted.
    pub(super) fn none() -> Aliases<M> {
        Aliases { topics: M::Topics::default(), maximum: 0, next: 1, packet_size: 0 }
    }

    /// Those of a connection that was granted this.
    pub(super) fn new(config: &Config, limits: &Limits) -> Aliases<M> {
        let wanted = if config.outbound_aliases { MOST.min(M::Topics::LIMIT) } else { 0 };
        // [MQTT-3.2.2-17], [MQTT-3.2.2-18]
        let maximum = limits.topic_alias_maximum.min(wanted);
        Aliases { maximum, packet_size: limits.packet_size(), ..Aliases::none() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.maximum > 0
    }

    /// Puts an alias into a PUBLISH of 5.0 with this head; `None` if it goes as it is.
    pub(super) fn apply<'a>(&self, head: &'a [u8]) -> Option<Aliased<'a>> {
        let (first, rest) = head.split_first()?;
        let (remaining_len, rest) = split_integer(rest)?;
        let (topic, rest) = split_text(rest)?;
        let (packet_id, rest) = rest.split_at_checked(if first & 0b0110 == 0 { 0 } else { 2 })?;
        let (properties_len, rest) = split_integer(rest)?;
        if topic.len() <= PROPERTY {
            return None;
        }
        let topic = core::str::from_utf8(topic).ok()?;
        let known = self.find(topic);
        let aliased = Aliased {
            first: *first,
            remaining_len: remaining_len - integer_len(properties_len)
                + integer_len(properties_len + PROPERTY)
                + PROPERTY
                - known.map_or(0, |_| topic.len()),
            new: if known.is_some() { None } else { Some(topic) },
            packet_id,
            properties_len: properties_len + PROPERTY,
            alias: known.unwrap_or(self.next),
            rest,
        };
        // [MQTT-3.2.2-15]
        let fits = aliased.remaining_len <= MAX_REMAINING_LENGTH as usize
            && aliased.len() <= self.packet_size;
        fits.then_some(aliased)
    }

    fn find(&self, topic: &str) -> Option<u16> {
        let mut given =
            (1..=self.maximum).map_while(|alias| Some((alias, self.topics.get(alias)?)));
        given.find(|(_, known)| *known == topic).map(|(alias, _)| alias)
    }

    /// The packet was transmitted: from now on the broker knows its alias.
    pub(super) fn handle_transmitted(&mut self, aliased: &Aliased<'_>) {
        if let Some(topic) = aliased.new {
            self.topics.set(aliased.alias, topic);
            self.next = if aliased.alias < self.maximum { aliased.alias + 1 } else { 1 };
        }
    }
}

impl Aliased<'_> {
    /// Bytes of the packet, its payload included.
    pub(super) fn len(&self) -> usize {
        1 + integer_len(self.remaining_len) + self.remaining_len
    }

    /// Appends all up to `rest`.
    pub(super) fn put_start<B: AsRef<[u8]>>(&self, out: &mut impl Output<B>) {
        let topic = self.new.unwrap_or_default();
        let topic_len = u16::try_from(topic.len()).unwrap_or_default();
        let [high, low] = self.alias.to_be_bytes();
        out.put(&[self.first]);
        put_integer(out, self.remaining_len);
        out.put(&topic_len.to_be_bytes());
        out.put(topic.as_bytes());
        out.put(self.packet_id);
        put_integer(out, self.properties_len);
        out.put(&[PropertyId::TopicAlias as u8, high, low]);
    }
}

/// Bytes a Variable Byte Integer takes.
fn integer_len(value: usize) -> usize {
    integer(value).1
}

fn put_integer<B: AsRef<[u8]>>(out: &mut impl Output<B>, value: usize) {
    let (bytes, len) = integer(value);
    out.put(bytes.get(..len).unwrap_or_default());
}
