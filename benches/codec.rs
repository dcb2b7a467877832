//! What it costs to decode and encode a PUBLISH of 64 bytes at QoS 0, and to read six properties.
//!
//! Each iteration handles `PACKETS` packets behind each other; nothing else is in it, no copy
//! and no delivery. The hand-written codec checks lengths and UTF-8, mqtt-proto every rule of the
//! standard, rumqttc lengths. rumqttc's decoder takes its input apart, so it gets a new copy each time,
//! made outside the measurement.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mqtt_benches::wire::{self, MessageProperties, Packet};
use mqtt_benches::{PAYLOAD, TOPIC};
use mqtt_proto::{
    self as proto, Dialect, Encode, FixedHeader, Properties, Property, Role, Version,
};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5;

/// Packets in one iteration.
const PACKETS: usize = 100;

const DIALECT: Dialect = Dialect { version: Version::V5, sender: Role::Server, lenient: false };

fn stream() -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..PACKETS {
        wire::publish(&mut stream, TOPIC, None, &[b'.'; PAYLOAD]);
    }
    stream
}

fn decode(c: &mut Criterion) {
    let stream = stream();
    let mut group = c.benchmark_group("decode");
    group.bench_function("hand-written", |b| {
        b.iter(|| {
            let mut rest = black_box(&stream[..]);
            while let Some((packet, len)) = wire::packet(rest).expect("a valid PUBLISH") {
                let Packet::Publish(publish) = packet else { panic!("not a PUBLISH") };
                black_box(publish);
                rest = &rest[len..];
            }
        });
    });
    group.bench_function("mqtt-proto", |b| {
        let dialect = black_box(DIALECT);
        b.iter(|| {
            let mut rest = black_box(&stream[..]);
            while let Some(header) = FixedHeader::decode(rest, dialect).expect("a valid PUBLISH") {
                let (packet, after) = rest.split_at(header.packet_len());
                let body = &packet[header.len.into()..];
                black_box(proto::Packet::decode(header, body, dialect).expect("a valid PUBLISH"));
                rest = after;
            }
        });
    });
    group.bench_function("rumqttc", |b| {
        let fresh = || BytesMut::from(&stream[..]);
        b.iter_batched_ref(
            fresh,
            |input| {
                while !input.is_empty() {
                    black_box(v5::Packet::read(input, None).expect("a valid PUBLISH"));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Decoding with all properties read, each once, in their order.
fn properties(c: &mut Criterion) {
    let mut stream = Vec::new();
    for _ in 0..PACKETS {
        let example = MessageProperties::EXAMPLE;
        wire::publish_with_properties(&mut stream, TOPIC, &example, &[b'.'; PAYLOAD]);
    }
    let mut group = c.benchmark_group("properties");
    group.bench_function("hand-written", |b| {
        b.iter(|| {
            let mut rest = black_box(&stream[..]);
            while let Some((packet, len)) = wire::packet(rest).expect("a valid PUBLISH") {
                let Packet::Publish(publish) = packet else { panic!("not a PUBLISH") };
                black_box(MessageProperties::read(publish.properties).expect("valid properties"));
                black_box(publish);
                rest = &rest[len..];
            }
        });
    });
    group.bench_function("mqtt-proto", |b| {
        let dialect = black_box(DIALECT);
        b.iter(|| {
            let mut rest = black_box(&stream[..]);
            while let Some(header) = FixedHeader::decode(rest, dialect).expect("a valid PUBLISH") {
                let (packet, after) = rest.split_at(header.packet_len());
                let body = &packet[header.len.into()..];
                let packet = proto::Packet::decode(header, body, dialect).expect("a valid PUBLISH");
                let proto::Packet::Publish(publish) = packet else { panic!("not a PUBLISH") };
                black_box(read(publish.properties));
                black_box(publish);
                rest = after;
            }
        });
    });
    group.bench_function("rumqttc", |b| {
        let fresh = || BytesMut::from(&stream[..]);
        b.iter_batched_ref(
            fresh,
            |input| {
                while !input.is_empty() {
                    black_box(v5::Packet::read(input, None).expect("a valid PUBLISH"));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn read<'a>(properties: Properties<'a>) -> MessageProperties<'a> {
    let mut read = MessageProperties::default();
    for property in properties {
        match property {
            Property::PayloadFormatIndicator(value) => read.payload_format_indicator = Some(value),
            Property::MessageExpiryInterval(value) => read.message_expiry_interval = Some(value),
            Property::ContentType(value) => read.content_type = Some(value),
            Property::ResponseTopic(value) => read.response_topic = Some(value),
            Property::CorrelationData(value) => read.correlation_data = Some(value),
            Property::UserProperty(name, value) => read.user_property = Some((name, value)),
            _ => {}
        }
    }
    read
}

fn encode(c: &mut Criterion) {
    let payload = [b'.'; PAYLOAD];
    let mut group = c.benchmark_group("encode");
    group.bench_function("hand-written", |b| {
        let mut out = Vec::with_capacity(64 * 1024);
        b.iter(|| {
            out.clear();
            for _ in 0..PACKETS {
                wire::publish(&mut out, black_box(TOPIC), None, black_box(&payload));
            }
            black_box(&out);
        });
    });
    group.bench_function("mqtt-proto", |b| {
        let dialect = black_box(DIALECT);
        let mut out = vec![0; 64 * 1024];
        b.iter(|| {
            let mut free = &mut out[..];
            for _ in 0..PACKETS {
                let publish = proto::Publish {
                    dup: false,
                    qos: proto::QoS::AtMostOnce,
                    retain: false,
                    topic: black_box(TOPIC),
                    packet_id: None,
                    properties: Properties::EMPTY,
                    payload: black_box(&payload),
                };
                let measure = publish.measure(dialect).expect("a valid PUBLISH");
                publish.write(dialect, &measure, free).expect("room");
                free = &mut free[measure.len..];
            }
            black_box(&out);
        });
    });
    group.bench_function("rumqttc", |b| {
        let payload = Bytes::copy_from_slice(&payload);
        let publish = v5::Publish::new(TOPIC, QoS::AtMostOnce, payload, None);
        let mut out = BytesMut::with_capacity(64 * 1024);
        b.iter(|| {
            out.clear();
            for _ in 0..PACKETS {
                black_box(&publish).write(&mut out).expect("a valid PUBLISH");
            }
            black_box(&out);
        });
    });
    group.finish();
}

criterion_group!(codec, decode, properties, encode);
criterion_main!(codec);
