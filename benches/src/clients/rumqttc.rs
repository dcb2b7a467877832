//! rumqttc's client for MQTT 5, as its documentation shows it: an `AsyncClient`, and its event
//! loop polled in a task.
//!
//! Set: 100 requests in the channel, at most [`WINDOW`] in flight each way. Left as it comes, and
//! faster so: Nagle's algorithm on, PUBACKs by the event loop. The payload is copied into the
//! `Bytes` it asks for.

use bytes::Bytes;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming, MqttOptions};

use super::Subject;
use crate::{Plan, Result, Sequence, TOPIC, WINDOW};

/// Requests that may wait for the event loop.
const CHANNEL: usize = 100;

pub(super) struct Rumqttc {
    client: AsyncClient,
    events: EventLoop,
}

impl Rumqttc {
    pub(super) async fn connect(plan: &Plan) -> Result<Self> {
        let mut options = MqttOptions::new("bench", plan.address().ip().to_string(), plan.port);
        options.set_outgoing_inflight_upper_limit(WINDOW).set_receive_maximum(Some(WINDOW));
        let (client, mut events) = AsyncClient::new(options, CHANNEL);
        while !matches!(events.poll().await?, Event::Incoming(Incoming::ConnAck(_))) {}
        Ok(Self { client, events })
    }
}

impl Subject for Rumqttc {
    async fn publish(self, plan: &Plan) -> Result<()> {
        let qos = qos(plan);
        let events = tokio::spawn(poll_to_the_end(self.events, self.client.clone(), plan.messages));
        let mut sequence = Sequence::default();
        for _ in 0..plan.messages {
            let payload = Bytes::copy_from_slice(&sequence.payload());
            self.client.publish(TOPIC, qos, false, payload).await?;
        }
        if qos == QoS::AtMostOnce {
            self.client.disconnect().await?;
        }
        events.await?
    }

    async fn receive(self, plan: &Plan) -> Result<()> {
        self.client.subscribe(TOPIC, qos(plan)).await?;
        tokio::spawn(poll_to_the_end(self.events, self.client, plan.messages)).await?
    }
}

/// Polls until DISCONNECT has left; sends it itself after `messages` messages or PUBACKs came.
async fn poll_to_the_end(mut events: EventLoop, client: AsyncClient, messages: u64) -> Result<()> {
    let mut sequence = Sequence::default();
    let mut acks = 0;
    loop {
        match events.poll().await? {
            Event::Incoming(Incoming::Publish(publish)) => sequence.check(&publish.payload)?,
            Event::Incoming(Incoming::PubAck(_)) => acks += 1,
            Event::Outgoing(Outgoing::Disconnect) => return Ok(()),
            _ => continue,
        }
        if sequence.count() + acks == messages {
            client.disconnect().await?;
        }
    }
}

fn qos(plan: &Plan) -> QoS {
    match plan.workload.qos() {
        0 => QoS::AtMostOnce,
        _ => QoS::AtLeastOnce,
    }
}
