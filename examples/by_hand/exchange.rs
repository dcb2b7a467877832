use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::time::Instant;

use mqtt_session::proto::{
    Properties, Publish, QoS, ReasonCode, Subscription, SubscriptionOptions,
};
use mqtt_session::{Closing, Config, Connect, Event, Heap, Payload, Session, Time};

/// Sends itself a message over a transport whose reads time out; returns what was received.
fn exchange(mut transport: impl Read + Write) -> Result<Vec<u8>, Box<dyn Error>> {
    let start = Instant::now();
    let now = || Time::ZERO.after(start.elapsed());
    let (mut out, mut buffer, mut received) = (Vec::new(), [0; 4096], None);
    let mut session = Session::<Heap>::new(Config::new(7)); // a seed: random, on a real machine
    let mut inbound = session.open(now(), &Connect::new("by-hand"))?;
    let options = SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() };
    session.subscribe(now(), &[Subscription { filter: "hello", options }], &[])?;
    loop {
        while let Some(event) = session.poll_event(now(), &mut inbound) {
            match event {
                Event::Subscribed { .. } => _ = session.publish(now(), &HELLO, TEXT)?,
                Event::Message(message) => {
                    received = Some(message.publish.payload.to_vec());
                    if let Some(delivery) = message.delivery {
                        session.ack(delivery, ReasonCode::Success);
                    }
                }
                Event::Closed(reason) => return received.ok_or(format!("{reason:?}").into()),
                _ => {}
            }
        }
        session.handle_timeout(now());
        if received.is_some() && session.in_flight() == 0 {
            session.disconnect(now(), ReasonCode::Success, &[])?;
        }
        session.poll_transmit(now(), &mut out)?;
        let written = transport.write_all(&out);
        session.handle_sent(now(), out.len());
        out.clear();
        match transport.read(&mut buffer) {
            // After DISCONNECT the broker hangs up, which this read has seen.
            _ if session.closing() != Closing::No => session.handle_closed(now()),
            Ok(n @ 1..) if written.is_ok() => _ = inbound.handle_input(now(), &buffer[..n]),
            Err(error) if is_quiet(&error) && written.is_ok() => {}
            Ok(_) | Err(_) => session.handle_closed(now()),
        }
    }
}

const HELLO: Publish<'static> = Publish {
    dup: false,
    qos: QoS::AtLeastOnce,
    retain: false,
    topic: "hello",
    packet_id: None,
    properties: Properties::EMPTY,
    payload: b"",
};
const TEXT: Payload<'static, Vec<u8>> = Payload::Copy(b"by hand");

/// Whether nothing came in time.
fn is_quiet(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
