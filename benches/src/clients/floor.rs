//! The floor: the cheapest tokio client with this product's structure.
//!
//! ```text
//!   caller ──publish──▶ Mutex<output> ◀──swap── driver task ──▶ socket
//!   caller ◀──queue or in-place count────────── driver task ◀── socket
//! ```
//! A caller encodes into the output under the lock and wakes the driver if it sleeps. The driver
//! owns the socket: it decodes what one read brought and writes all output in one write. At QoS 1
//! a copy of each packet is kept until its PUBACK. No options, no properties, no topic check, no
//! timer, no reconnect: what is left is what any such client must pay.

mod driver;
mod output;
mod queue;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Waker;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use self::driver::{Delivery, Driver};
use self::output::Shared;
use self::queue::Queue;
use super::Subject;
use crate::{Plan, Result, Sequence, TOPIC, wire};

pub(super) struct Floor {
    shared: Arc<Shared>,
    queue: Option<Arc<Queue>>,
    driver: JoinHandle<Result<()>>,
}

impl Floor {
    /// Received messages are checked in place.
    pub(super) async fn connect(plan: &Plan) -> Result<Self> {
        Self::start(plan, Delivery::in_place(plan)).await
    }

    /// Received messages go over a queue.
    pub(super) async fn connect_queued(plan: &Plan) -> Result<Self> {
        Self::start(plan, Delivery::queue()).await
    }

    async fn start(plan: &Plan, delivery: Delivery) -> Result<Self> {
        let mut stream = TcpStream::connect(plan.address()).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&wire::CONNECT).await?;
        let mut connack = [0; wire::CONNACK_LEN];
        stream.read_exact(&mut connack).await?;
        wire::check_connack(&connack)?;
        let shared = Arc::new(Shared::new());
        let queue = delivery.queue_handle();
        let driver = tokio::spawn(Driver::new(stream, Arc::clone(&shared), delivery));
        Ok(Self { shared, queue, driver })
    }
}

impl Subject for Floor {
    async fn publish(self, plan: &Plan) -> Result<()> {
        let qos = plan.workload.qos();
        let mut sequence = Sequence::default();
        for _ in 0..plan.messages {
            let payload = sequence.payload();
            poll_fn(|cx| self.shared.poll_publish(cx, TOPIC, qos, &payload)).await?;
        }
        poll_fn(|cx| self.shared.poll_acknowledged(cx)).await?;
        self.shared.disconnect();
        self.driver.await?
    }

    async fn receive(self, plan: &Plan) -> Result<()> {
        self.shared.subscribe(TOPIC, plan.workload.qos());
        if let Some(queue) = self.queue {
            let mut sequence = Sequence::default();
            while sequence.count() < plan.messages {
                let Some(message) = poll_fn(|cx| queue.poll_next(cx)).await else {
                    break;
                };
                sequence.check(message.payload())?;
            }
            self.shared.disconnect();
        }
        self.driver.await?
    }
}

/// Wakes who waits, after the lock is released.
fn wake(waiting: Option<Waker>) {
    if let Some(waker) = waiting {
        waker.wake();
    }
}
