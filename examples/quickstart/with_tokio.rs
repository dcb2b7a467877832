//! The client on tokio.

use std::collections::VecDeque;
use std::time::Duration;

use mqtt_adapter_tokio::{Client, Events, Publish, QoS, Subscription};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::Plan;
use crate::report::{Error, Phase, Report, Tally, payload};

/// Messages on their way at once: sent and not yet received.
const ON_THEIR_WAY: usize = 500;
/// What does not arrive for so long is lost.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(plan: &Plan) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(publish_and_receive(plan))
}

async fn publish_and_receive(plan: &Plan) -> Result<Report, Error> {
    let client = mqtt_adapter_tokio::connect(plan.options.clone()).await?;
    let mut events = client.events();
    let mut messages = client.subscribe(plan.topic.as_str(), QoS::ExactlyOnce).await?;
    let mut report = Report::default();
    for phase in plan.phases() {
        let mut tally = Tally::start(phase);
        let window = Semaphore::new(ON_THEIR_WAY);
        let (published, ()) = tokio::join!(
            publish(plan, &client, phase, &window),
            receive(&mut messages, &mut tally, &window),
        );
        published?;
        report.add(tally.finish());
    }
    note_events(&mut events, &mut report).await;
    client.disconnect().await;
    Ok(report)
}

async fn publish(
    plan: &Plan,
    client: &Client,
    phase: Phase,
    window: &Semaphore,
) -> Result<(), Error> {
    let mut unanswered = VecDeque::new();
    for number in 0..phase.messages {
        // Closed when the receiver gave up: then nothing more is worth sending.
        let Ok(place) = window.acquire().await else { break };
        place.forget();
        if phase.cuts_before(number) {
            plan.proxy.cut();
        }
        let message = Publish::new(plan.topic.as_str(), payload(phase.qos, number)).qos(phase.qos);
        unanswered.push_back(client.enqueue(message).await.map_err(|refused| refused.error)?);
        if unanswered.len() > ON_THEIR_WAY
            && let Some(oldest) = unanswered.pop_front()
        {
            oldest.await?;
        }
    }
    for outcome in unanswered {
        outcome.await?;
    }
    Ok(())
}

async fn receive(messages: &mut Subscription, tally: &mut Tally, window: &Semaphore) {
    while !tally.is_complete() {
        match timeout(PATIENCE, messages.recv()).await {
            Ok(Some(message)) if tally.count(message.payload()) => window.add_permits(1),
            // Another copy.
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    window.close();
}

/// The events so far.
async fn note_events(events: &mut Events, report: &mut Report) {
    while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
        report.note(&event);
    }
}
