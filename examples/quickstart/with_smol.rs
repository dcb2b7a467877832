//! The client on smol, and on async-std, which has smol's reactor.

use std::collections::VecDeque;
use std::future::Future;

use mqtt_adapter_smol::{Client, ConnectError, Options, Publish, QoS, Subscription, client, start};
use smol::channel::{Receiver, Sender, bounded};
use smol::{Timer, future};

use crate::report::{Error, LAST, Phase, Report, payload};
use crate::{ON_THEIR_WAY, PATIENCE, Plan};

pub(crate) fn run(plan: &Plan) -> Result<Report, Error> {
    smol::block_on(publish_and_receive(plan, start))
}

pub(crate) fn run_on_async_std(plan: &Plan) -> Result<Report, Error> {
    let start = |options| {
        let (client, driver) = client(options)?;
        async_std::task::spawn(driver);
        Ok(client)
    };
    async_std::task::block_on(publish_and_receive(plan, start))
}

async fn publish_and_receive(
    plan: &Plan,
    start: impl Fn(Options) -> Result<Client, ConnectError>,
) -> Result<Report, Error> {
    let client = start(plan.options.clone())?;
    client.connected().await?;
    let mut events = client.events();
    let mut report = Report::new(plan.shows_progress);
    let outcome = all_phases(plan, &client, &mut report).await;
    while let Ok(event) = events.try_next() {
        report.note(&event);
    }
    if let Err(error) = outcome {
        return Err(report.explain(error));
    }
    client.disconnect().await;
    // The broker need not keep the session.
    let parting = start(plan.parting.clone())?;
    parting.connected().await?;
    parting.disconnect().await;
    Ok(report)
}

async fn all_phases(plan: &Plan, client: &Client, report: &mut Report) -> Result<(), Error> {
    let mut messages = client.subscribe(plan.topic.as_str(), QoS::ExactlyOnce).await?;
    for phase in plan.phases() {
        report.start(phase);
        // One entry for every message on its way.
        let (enter, leave) = bounded(ON_THEIR_WAY);
        let done = future::try_zip(
            publish(plan, client, phase, enter),
            receive(&mut messages, phase, report, leave),
        )
        .await;
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
    enter: Sender<()>,
) -> Result<(), Error> {
    let mut unanswered = VecDeque::new();
    for number in 0..phase.messages {
        // Closed when the receiver gave up: then nothing more is worth sending.
        let Ok(()) = enter.send(()).await else { break };
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
    leave: Receiver<()>,
) -> Result<(), Error> {
    while !report.is_phase_complete() {
        match soon(messages.recv()).await {
            Ok(Some(message)) if report.count(message.payload()) => _ = leave.try_recv(),
            // Another copy.
            Ok(Some(_)) => {}
            // QoS 0 may be lost.
            Err(_) if phase.qos == QoS::AtMostOnce => break,
            Err(silence) => return Err(silence),
            Ok(None) => break,
        }
    }
    Ok(())
}

/// What `future` gives, unless that takes too long.
async fn soon<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    let silence = async {
        Timer::after(PATIENCE).await;
        Err(Error::Silence(PATIENCE))
    };
    future::or(async { Ok(future.await) }, silence).await
}
