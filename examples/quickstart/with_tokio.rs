//! The client on tokio.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use mqtt_adapter_tokio::{Client, Events, Publish, QoS, Subscription};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::report::{Error, LAST, Phase, Report, payload};
use crate::{ON_THEIR_WAY, PATIENCE, Plan};

pub(crate) fn run(plan: &Plan) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(publish_and_receive(plan))
}

async fn publish_and_receive(plan: &Plan) -> Result<Report, Error> {
    let client = mqtt_adapter_tokio::connect(plan.options.clone()).await?;
    let mut events = client.events();
    let mut report = Report::new(plan.shows_progress);
    let outcome = all_phases(plan, &client, &mut report).await;
    note_events(&mut events, &mut report).await;
    if let Err(error) = outcome {
        return Err(report.explain(error));
    }
    client.disconnect().await;
    // The broker need not keep the session.
    mqtt_adapter_tokio::connect(plan.parting.clone()).await?.disconnect().await;
    Ok(report)
}

async fn all_phases(plan: &Plan, client: &Client, report: &mut Report) -> Result<(), Error> {
    let mut messages = client.subscribe(plan.topic.as_str(), QoS::ExactlyOnce).await?;
    for phase in plan.phases() {
        report.start(phase);
        let window = Semaphore::new(ON_THEIR_WAY);
        let done = tokio::try_join!(
            publish(plan, client, phase, &window),
            receive(&mut messages, phase, report, &window),
        );
        report.finish_phase();
        done?;
    }
    let last = Publish::new(plan.topic.as_str(), LAST).qos(QoS::ExactlyOnce);
    soon(client.publish(last)).await??;
    loop {
        let message = soon(messages.recv()).await?.ok_or(Error::Silence(PATIENCE))?;
        if message.payload() == LAST.as_bytes() {
            return Ok(());
        }
        report.count(message.payload());
    }
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
        let accepted = soon(client.enqueue(message)).await?;
        unanswered.push_back(accepted.map_err(|refused| refused.error)?);
        if unanswered.len() > ON_THEIR_WAY
            && let Some(oldest) = unanswered.pop_front()
        {
            soon(oldest).await??;
        }
    }
    for outcome in unanswered {
        soon(outcome).await??;
    }
    Ok(())
}

async fn receive(
    messages: &mut Subscription,
    phase: Phase,
    report: &mut Report,
    window: &Semaphore,
) -> Result<(), Error> {
    while !report.is_phase_complete() {
        match soon(messages.recv()).await {
            Ok(Some(message)) if report.count(message.payload()) => window.add_permits(1),
            // Another copy.
            Ok(Some(_)) => {}
            // QoS 0 may be lost.
            Err(_) if phase.qos == QoS::AtMostOnce => break,
            Err(silence) => return Err(silence),
            Ok(None) => break,
        }
    }
    window.close();
    Ok(())
}

/// What `future` gives, unless that takes too long.
async fn soon<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    timeout(PATIENCE, future).await.map_err(|_| Error::Silence(PATIENCE))
}

/// The events so far.
async fn note_events(events: &mut Events, report: &mut Report) {
    while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
        report.note(&event);
    }
}
