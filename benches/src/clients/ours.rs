//! This project's client on tokio.
//!
//! Set: at most [`WINDOW`] in flight each way, no reconnect. At QoS 1 a message is enqueued and its
//! outcome not waited for, but for the last: PUBACKs come in order. Messages are received through
//! the stream and acknowledged when they are dropped.

use std::num::NonZeroU16;

use mqtt_adapter_tokio::{Client, Options, Publish, QoS, connect};

use super::Subject;
use crate::{Plan, Result, Sequence, TOPIC, WINDOW};

pub(super) struct Ours {
    client: Client,
}

impl Ours {
    pub(super) async fn connect(plan: &Plan) -> Result<Self> {
        let window = NonZeroU16::new(WINDOW).ok_or("no window")?;
        let options = Options::new(format!("mqtt://{}", plan.address()))?
            .max_in_flight(window)
            .receive_maximum(WINDOW)
            .reconnect(false);
        Ok(Self { client: connect(options).await? })
    }
}

impl Subject for Ours {
    async fn publish(self, plan: &Plan) -> Result<()> {
        let qos = qos(plan);
        let mut sequence = Sequence::default();
        let mut last = None;
        for _ in 0..plan.messages {
            let payload = sequence.payload();
            let publish = Publish::new(TOPIC, &payload).qos(qos);
            last = Some(self.client.enqueue(publish).await.map_err(|refused| refused.error)?);
        }
        if let Some(outcome) = last {
            outcome.await?;
        }
        self.client.disconnect().await;
        Ok(())
    }

    async fn receive(self, plan: &Plan) -> Result<()> {
        let mut messages = self.client.subscribe(TOPIC, qos(plan)).await?;
        let mut sequence = Sequence::default();
        while sequence.count() < plan.messages {
            let message = messages.recv().await.ok_or("the client has ended")?;
            sequence.check(message.payload())?;
        }
        self.client.disconnect().await;
        Ok(())
    }
}

pub(super) fn qos(plan: &Plan) -> QoS {
    match plan.workload.qos() {
        0 => QoS::AtMostOnce,
        _ => QoS::AtLeastOnce,
    }
}
