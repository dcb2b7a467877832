//! The clients under test.
//!
//! To add one: a module with a type that implements `Subject`, a variant of [`Client`], and its
//! arm in [`run`].

mod floor;
mod ours;
mod ours_blocking;
mod rumqttc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use self::floor::Floor;
use self::ours::Ours;
use self::ours_blocking::OursBlocking;
use self::rumqttc::Rumqttc;
use crate::{Direction, Plan, Report, Result, Stopwatch, Workload};

/// Names a client under test, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// The cheapest tokio client with this product's structure; messages are counted in place.
    Floor,
    /// The same, handing each message over a queue to another task.
    FloorQueue,
    /// This project's client on tokio.
    Ours,
    /// This project's client on std threads.
    OursBlocking,
    /// rumqttc's client for MQTT 5.
    Rumqttc,
}

impl Client {
    /// Whether `workload` tells anything about this client.
    pub fn runs(self, workload: Workload) -> bool {
        match self {
            Self::Floor | Self::Ours | Self::OursBlocking | Self::Rumqttc => true,
            Self::FloorQueue => workload.direction() == Direction::Receive,
        }
    }

    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "tokio floor",
            Self::FloorQueue => "tokio floor with a queue",
            Self::Ours => "ours, tokio",
            Self::OursBlocking => "ours, blocking",
            Self::Rumqttc => "rumqttc 0.25 v5",
        }
    }
}

/// A connected client. Both workloads end with DISCONNECT, when it has left the process.
trait Subject {
    /// Publishes the messages of `plan`; at QoS 1 returns when all are acknowledged.
    async fn publish(self, plan: &Plan) -> Result<()>;

    /// Subscribes, and takes the messages of `plan` in sequence.
    async fn receive(self, plan: &Plan) -> Result<()>;
}

/// Connects `client` and runs `plan`. Only what comes after CONNACK is measured.
pub async fn run(client: Client, plan: &Plan) -> Result<Report> {
    match client {
        Client::Floor => measure(client, Floor::connect(plan).await?, plan).await,
        Client::FloorQueue => measure(client, Floor::connect_queued(plan).await?, plan).await,
        Client::Ours => measure(client, Ours::connect(plan).await?, plan).await,
        Client::OursBlocking => measure(client, OursBlocking::connect(plan)?, plan).await,
        Client::Rumqttc => measure(client, Rumqttc::connect(plan).await?, plan).await,
    }
}

async fn measure(client: Client, subject: impl Subject, plan: &Plan) -> Result<Report> {
    let stopwatch = Stopwatch::start();
    match plan.workload.direction() {
        Direction::Publish => subject.publish(plan).await?,
        Direction::Receive => subject.receive(plan).await?,
    }
    let (wall, cpu) = stopwatch.stop();
    Ok(Report {
        client,
        workload: plan.workload,
        messages: plan.messages,
        wall_ns: wall.as_nanos() as u64,
        cpu_ns: cpu.as_nanos() as u64,
    })
}
