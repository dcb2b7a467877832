//! The accessors of a list of properties agree with its iterator.

use mqtt_proto::{Packet, Properties, Property, PropertyId};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::generate::speeches;
use crate::notation::{decode, encode};

/// What the accessor of `id` gives, or the first of what it lists.
fn accessed<'a>(list: &Properties<'a>, id: PropertyId) -> Option<Property<'a>> {
    use Property as P;
    use PropertyId as Id;
    match id {
        Id::PayloadFormatIndicator => {
            list.payload_format_indicator().map(P::PayloadFormatIndicator)
        }
        Id::MessageExpiryInterval => list.message_expiry_interval().map(P::MessageExpiryInterval),
        Id::ContentType => list.content_type().map(P::ContentType),
        Id::ResponseTopic => list.response_topic().map(P::ResponseTopic),
        Id::CorrelationData => list.correlation_data().map(P::CorrelationData),
        Id::SubscriptionIdentifier => {
            list.subscription_identifiers().next().map(P::SubscriptionIdentifier)
        }
        Id::SessionExpiryInterval => list.session_expiry_interval().map(P::SessionExpiryInterval),
        Id::AssignedClientIdentifier => {
            list.assigned_client_identifier().map(P::AssignedClientIdentifier)
        }
        Id::ServerKeepAlive => list.server_keep_alive().map(P::ServerKeepAlive),
        Id::AuthenticationMethod => list.authentication_method().map(P::AuthenticationMethod),
        Id::AuthenticationData => list.authentication_data().map(P::AuthenticationData),
        Id::RequestProblemInformation => {
            list.request_problem_information().map(P::RequestProblemInformation)
        }
        Id::WillDelayInterval => list.will_delay_interval().map(P::WillDelayInterval),
        Id::RequestResponseInformation => {
            list.request_response_information().map(P::RequestResponseInformation)
        }
        Id::ResponseInformation => list.response_information().map(P::ResponseInformation),
        Id::ServerReference => list.server_reference().map(P::ServerReference),
        Id::ReasonString => list.reason_string().map(P::ReasonString),
        Id::ReceiveMaximum => list.receive_maximum().map(P::ReceiveMaximum),
        Id::TopicAliasMaximum => list.topic_alias_maximum().map(P::TopicAliasMaximum),
        Id::TopicAlias => list.topic_alias().map(P::TopicAlias),
        Id::MaximumQoS => list.maximum_qos().map(P::MaximumQoS),
        Id::RetainAvailable => list.retain_available().map(P::RetainAvailable),
        Id::UserProperty => {
            list.user_properties().next().map(|(name, value)| P::UserProperty(name, value))
        }
        Id::MaximumPacketSize => list.maximum_packet_size().map(P::MaximumPacketSize),
        Id::WildcardSubscriptionAvailable => {
            list.wildcard_subscription_available().map(P::WildcardSubscriptionAvailable)
        }
        Id::SubscriptionIdentifierAvailable => {
            list.subscription_identifier_available().map(P::SubscriptionIdentifierAvailable)
        }
        Id::SharedSubscriptionAvailable => {
            list.shared_subscription_available().map(P::SharedSubscriptionAvailable)
        }
    }
}

/// The lists of a packet.
fn lists<'a>(packet: &Packet<'a>) -> Vec<Properties<'a>> {
    match packet {
        Packet::Connect(packet) => {
            let will = packet.will.map(|will| will.properties);
            [Some(packet.properties), will].into_iter().flatten().collect()
        }
        Packet::ConnAck(packet) => vec![packet.properties],
        Packet::Publish(packet) => vec![packet.properties],
        Packet::PubAck(packet) => vec![packet.0.properties],
        Packet::PubRec(packet) => vec![packet.0.properties],
        Packet::PubRel(packet) => vec![packet.0.properties],
        Packet::PubComp(packet) => vec![packet.0.properties],
        Packet::Subscribe(packet) => vec![packet.properties],
        Packet::SubAck(packet) => vec![packet.properties],
        Packet::Unsubscribe(packet) => vec![packet.properties],
        Packet::UnsubAck(packet) => vec![packet.properties],
        Packet::PingReq | Packet::PingResp => Vec::new(),
        Packet::Disconnect(packet) => vec![packet.properties],
        Packet::Auth(packet) => vec![packet.properties],
    }
}

fn agree(list: &Properties<'_>) -> Result<(), TestCaseError> {
    for id in (0..=u8::MAX).filter_map(PropertyId::from_u8) {
        let first = list.iter().find(|property| property.id() == id);
        prop_assert_eq!(accessed(list, id), first);
    }
    let users = list.user_properties().map(|(name, value)| Property::UserProperty(name, value));
    let listed = list.iter().filter(|property| property.id() == PropertyId::UserProperty);
    prop_assert!(users.eq(listed));
    let identifiers = list.subscription_identifiers().map(Property::SubscriptionIdentifier);
    let listed = list.iter().filter(|property| property.id() == PropertyId::SubscriptionIdentifier);
    prop_assert!(identifiers.eq(listed));
    if let Some(wire) = list.as_wire() {
        prop_assert_eq!(
            list.iter().map(|property| property.encoded_len()).sum::<usize>(),
            wire.len()
        );
    }
    prop_assert_eq!(list.is_empty(), list.iter().next().is_none());
    Ok(())
}

proptest! {
    #![proptest_config(crate::generate::config())]

    #[test]
    fn accessors_agree_with_the_iterator((dialect, parts) in speeches()) {
        let packet = parts.packet();
        let bytes = encode(&packet, dialect)?;
        let decoded = decode(&bytes, dialect).unwrap().unwrap();
        for list in [lists(&packet), lists(&decoded)].concat() {
            agree(&list)?;
        }
    }

    #[test]
    fn joined_lists_are_one_list((dialect, parts) in speeches(), cut in any::<Index>()) {
        let bytes = encode(&parts.packet(), dialect)?;
        let decoded = decode(&bytes, dialect).unwrap().unwrap();
        for list in lists(&decoded) {
            let all: Vec<_> = list.iter().collect();
            let (first, second) = all.split_at(cut.index(all.len() + 1));
            let second = Properties::from_slice(second);
            let joined = Properties::join(first, &second);
            prop_assert_eq!(joined, list);
            agree(&joined)?;
            // The second list may be one that was received, or joined itself.
            for second in [&list, &joined] {
                let twice = Properties::join(first, second);
                prop_assert!(twice.iter().eq(first.iter().copied().chain(list.iter())));
                agree(&twice)?;
            }
        }
    }
}

#[test]
fn several_subscription_identifiers() {
    let several = [1, 2, 2, 268_435_455].map(Property::SubscriptionIdentifier);
    let list = Properties::from_slice(&several);
    assert!(list.subscription_identifiers().eq([1, 2, 2, 268_435_455]));
    assert!(list.into_iter().eq(several));
}
