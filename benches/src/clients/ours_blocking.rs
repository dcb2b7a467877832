//! This project's client on std threads: the client's own thread, and the caller's.
//!
//! Set and used as the one on tokio.

use std::num::NonZeroU16;

use mqtt_adapter_blocking::{Client, Options, Publish, connect};

use super::Subject;
use super::ours::qos;
use crate::{Plan, Result, Sequence, TOPIC, WINDOW};

pub(super) struct OursBlocking {
    client: Client,
}

impl OursBlocking {
    pub(super) fn connect(plan: &Plan) -> Result<Self> {
        let window = NonZeroU16::new(WINDOW).ok_or("no window")?;
        let options = Options::new(format!("mqtt://{}", plan.address()))?
            .max_in_flight(window)
            .receive_maximum(WINDOW)
            .reconnect(false);
        Ok(Self { client: connect(options)? })
    }
}

impl Subject for OursBlocking {
    async fn publish(self, plan: &Plan) -> Result<()> {
        let qos = qos(plan);
        let mut sequence = Sequence::default();
        let mut last = None;
        for _ in 0..plan.messages {
            let payload = sequence.payload();
            let publish = Publish::new(TOPIC, &payload).qos(qos);
            last = Some(self.client.enqueue(publish).map_err(|refused| refused.error)?);
        }
        if let Some(outcome) = last {
            outcome.wait()?;
        }
        self.client.disconnect()?;
        Ok(())
    }

    async fn receive(self, plan: &Plan) -> Result<()> {
        let mut messages = self.client.subscribe(TOPIC, qos(plan))?;
        let mut sequence = Sequence::default();
        while sequence.count() < plan.messages {
            let message = messages.recv()?;
            sequence.check(message.payload())?;
        }
        self.client.disconnect()?;
        Ok(())
    }
}
