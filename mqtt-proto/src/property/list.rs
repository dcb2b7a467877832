//! The list of properties: checked wire bytes, or a slice to be written.

use core::{fmt, mem};

use crate::wire::{Reader, VarInt, Writer, add_len, var_int_len};
use crate::{
    DecodeError, Dialect, EncodeError, Field, PacketType, Property, PropertyId, Role, Version,
    Violation,
};

use super::rules::{Place, Rules};

/// The properties of one packet.
///
/// Those of a received packet stay bytes: they were checked once and are read when they are asked
/// for. Those of a packet to send are a slice, or slices behind each other. Equal lists yield equal
/// properties in equal order.
#[derive(Clone, Copy)]
pub struct Properties<'a> {
    /// Checked bytes; empty if `slice` is not.
    wire: &'a [u8],
    slice: &'a [Property<'a>],
    /// What stands behind `slice`, which is not empty then.
    rest: Option<&'a Properties<'a>>,
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Properties<'static> = Properties::checked(&[]);

    /// Bytes that were checked.
    const fn checked(wire: &'a [u8]) -> Properties<'a> {
        Properties { wire, slice: &[], rest: None }
    }

    /// The properties to write, in this order; they are judged when the packet is measured.
    pub const fn from_slice(slice: &'a [Property<'a>]) -> Properties<'a> {
        Properties { wire: &[], slice, rest: None }
    }

    /// The properties of `first`, then those of `rest`, as a list to write.
    pub const fn join(first: &'a [Property<'a>], rest: &'a Properties<'a>) -> Properties<'a> {
        if first.is_empty() {
            *rest
        } else {
            Properties { wire: &[], slice: first, rest: Some(rest) }
        }
    }

    /// Checks the bytes behind a Property Length, such as [`Properties::as_wire`] gave.
    pub fn from_wire(
        wire: &'a [u8],
        packet: PacketType,
        dialect: Dialect,
    ) -> Result<Properties<'a>, DecodeError> {
        if dialect.version.has_properties() {
            check(wire, Place::Packet(packet), dialect.sender)?;
        } else {
            Reader::new(packet, wire).finish()?;
        }
        Ok(Properties::checked(wire))
    }

    /// The bytes behind the Property Length, unless the list was made from a slice.
    pub const fn as_wire(&self) -> Option<&'a [u8]> {
        if self.slice.is_empty() { Some(self.wire) } else { None }
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.wire.is_empty() && self.slice.is_empty()
    }

    /// The properties in their order.
    #[inline]
    pub const fn iter(&self) -> PropertyIter<'a> {
        PropertyIter(*self)
    }

    /// The first property with the identifier `id`.
    pub(super) fn find(mut self, id: PropertyId) -> Option<Property<'a>> {
        self.take(id)
    }

    /// Takes all up to the first property with the identifier `id` off the list and gives that one.
    pub(super) fn take(&mut self, id: PropertyId) -> Option<Property<'a>> {
        let mut body = Reader::checked(self.wire);
        while !body.is_empty() {
            let next = take_id(&mut body)?;
            if next == id {
                let property = Property::read(id, &mut body).ok();
                self.wire = body.rest();
                return property;
            }
            next.skip(&mut body)?;
        }
        self.wire = &[];
        let mut rest = self.iter();
        let property = rest.find(|property| property.id() == id);
        *self = rest.0;
        property
    }

    /// Reads and checks a list with its length.
    #[inline]
    pub(crate) fn decode(
        body: &mut Reader<'a>,
        place: Place,
        dialect: Dialect,
    ) -> Result<Properties<'a>, DecodeError> {
        if !dialect.version.has_properties() {
            return Ok(Properties::EMPTY);
        }
        // [MQTT-2.2.2-1]
        let len = body.var_int(place.field(Field::PropertyLength))?;
        if len == 0 {
            return Ok(Properties::EMPTY);
        }
        let wire = body.bytes(len as usize, place.field(Field::PropertyLength))?;
        check(wire, place, dialect.sender)?;
        Ok(Properties::checked(wire))
    }

    /// Checks the list and gives its bytes without Property Length.
    #[inline]
    pub(crate) fn measure(&self, place: Place, dialect: Dialect) -> Result<u32, EncodeError> {
        if self.is_empty() {
            return Ok(0);
        }
        self.measure_each(place, dialect)
    }

    fn measure_each(&self, place: Place, dialect: Dialect) -> Result<u32, EncodeError> {
        let mut rules = Rules::new(place, dialect.sender);
        let mut len = 0;
        for property in self.iter() {
            let field = place.field(Field::Property(property.id()));
            if !dialect.version.has_properties() {
                return Err(EncodeError::NotInVersion(field));
            }
            rules.admit(property.id()).map_err(|violation| refusal(violation, field))?;
            len = add_len(len, property.measure(field)? as usize)?;
        }
        let method = Field::Property(PropertyId::AuthenticationMethod);
        rules.finish().map_err(|_| EncodeError::Missing(method))?;
        Ok(len)
    }

    /// Writes the list of `len` bytes behind its length.
    #[inline]
    pub(crate) fn write(
        &self,
        len: u32,
        version: Version,
        out: &mut Writer<'_>,
    ) -> Result<(), EncodeError> {
        if !version.has_properties() {
            return Ok(());
        }
        out.var_int(len)?;
        out.bytes(self.wire)?;
        if !self.slice.is_empty() {
            // A writer of its own, so that `out` stays in registers.
            let mut rest = mem::take(out);
            self.iter().try_for_each(|property| property.write(&mut rest))?;
            *out = rest;
        }
        Ok(())
    }
}

/// Bytes a list of `len` bytes takes with its length.
#[inline]
pub(crate) const fn list_len(len: u32, version: Version) -> u32 {
    if version.has_properties() { var_int_len(len) + len } else { 0 }
}

/// Checks the bytes of a list.
#[inline]
fn check(wire: &[u8], place: Place, sender: Role) -> Result<(), DecodeError> {
    check_each(wire, place.packet(), &Rules::new(place, sender))
        .map_err(|error| DecodeError { field: place.field(error.field), ..error })
}

/// Checks each property. Errors name the fields of a packet's list.
fn check_each(wire: &[u8], packet: PacketType, rules: &Rules) -> Result<(), DecodeError> {
    let mut body = Reader::new(packet, wire);
    let mut rules = *rules;
    while !body.is_empty() {
        let bytes = body.rest();
        let Some(id) = take_id(&mut body) else {
            return Err(body.error(unknown_id(bytes), Field::PropertyIdentifier));
        };
        let field = Field::Property(id);
        rules.admit(id).map_err(|violation| body.error(violation, field))?;
        id.check(field, &mut body)?;
    }
    let method = Field::Property(PropertyId::AuthenticationMethod);
    rules.finish().map_err(|violation| body.error(violation, method))
}

/// Takes an identifier; those that are defined fit one byte.
#[inline(always)]
fn take_id(body: &mut Reader<'_>) -> Option<PropertyId> {
    PropertyId::from_u8(body.u8(Field::PropertyIdentifier).ok()?)
}

#[cold]
fn unknown_id(bytes: &[u8]) -> Violation {
    VarInt::shortest(bytes).err().unwrap_or(Violation::UnknownProperty)
}

/// What a sender is told about a property that [`Rules::admit`] refused.
const fn refusal(violation: Violation, field: Field) -> EncodeError {
    match violation {
        Violation::ForbiddenProperty => EncodeError::WrongSender(field),
        Violation::RepeatedProperty => EncodeError::Repeated(field),
        _ => EncodeError::Misplaced(field),
    }
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// The properties of a list, one by one.
#[derive(Clone)]
pub struct PropertyIter<'a>(Properties<'a>);

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    #[inline]
    fn next(&mut self) -> Option<Property<'a>> {
        let PropertyIter(list) = self;
        if let [first, slice @ ..] = list.slice {
            list.slice = slice;
            if slice.is_empty()
                && let Some(rest) = list.rest
            {
                *list = *rest;
            }
            return Some(*first);
        }
        // The bytes were checked: an error cannot happen, and would end the list.
        let mut body = Reader::checked(list.wire);
        let id = take_id(&mut body)?;
        let property = Property::read(id, &mut body).ok()?;
        list.wire = body.rest();
        Some(property)
    }
}

impl fmt::Debug for PropertyIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
