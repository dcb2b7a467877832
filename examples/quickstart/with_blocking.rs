//! The client on blocking std threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use mqtt_adapter_blocking::{Client, Publish, PublishHandle, QoS, Subscription};

use crate::report::{Error, LAST, Phase, Report, payload};
use crate::{ON_THEIR_WAY, PATIENCE, Plan};

pub(crate) fn run(plan: &Plan) -> Result<Report, Error> {
    let client = mqtt_adapter_blocking::connect(plan.options.clone())?;
    let mut events = client.events();
    let mut report = Report::new(plan.shows_progress);
    let outcome = all_phases(plan, &client, &mut report);
    while let Ok(event) = events.try_next() {
        report.note(&event);
    }
    if let Err(error) = outcome {
        return Err(report.explain(error));
    }
    disconnect(&client);
    // The broker need not keep the session.
    disconnect(&mqtt_adapter_blocking::connect(plan.parting.clone())?);
    Ok(report)
}

fn all_phases(plan: &Plan, client: &Client, report: &mut Report) -> Result<(), Error> {
    let mut messages = client.subscribe(plan.topic.as_str(), QoS::ExactlyOnce)?;
    for phase in plan.phases() {
        report.start(phase);
        let window = Window::default();
        let (published, received) = thread::scope(|scope| {
            let publisher = scope.spawn(|| publish(plan, client, phase, &window));
            let received = receive(&mut messages, phase, report, &window);
            let published = publisher.join();
            (published.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), received)
        });
        report.finish_phase();
        published?;
        received?;
    }
    let last = Publish::new(plan.topic.as_str(), LAST).qos(QoS::ExactlyOnce);
    wait(client.enqueue_timeout(last, PATIENCE).map_err(|refused| refused.error)?)?;
    loop {
        let message = messages.recv_timeout(PATIENCE).map_err(|_| Error::Silence(PATIENCE))?;
        if message.payload() == LAST.as_bytes() {
            return Ok(());
        }
        report.count(message.payload());
    }
}

fn publish(plan: &Plan, client: &Client, phase: Phase, window: &Window) -> Result<(), Error> {
    let mut unanswered = VecDeque::new();
    for number in 0..phase.messages {
        if !window.enter() {
            // The receiver gave up: nothing more is worth sending.
            break;
        }
        if phase.cuts_before(number) {
            plan.proxy.cut();
        }
        let message = Publish::new(plan.topic.as_str(), payload(phase.qos, number)).qos(phase.qos);
        let accepted = client.enqueue_timeout(message, PATIENCE);
        unanswered.push_back(accepted.map_err(|refused| refused.error)?);
        if unanswered.len() > ON_THEIR_WAY
            && let Some(oldest) = unanswered.pop_front()
        {
            wait(oldest)?;
        }
    }
    unanswered.into_iter().try_for_each(wait)
}

fn receive(
    messages: &mut Subscription,
    phase: Phase,
    report: &mut Report,
    window: &Window,
) -> Result<(), Error> {
    let mut outcome = Ok(());
    while !report.is_phase_complete() {
        match messages.recv_timeout(PATIENCE) {
            Ok(message) if report.count(message.payload()) => window.leave(),
            // Another copy.
            Ok(_) => {}
            Err(_) => {
                // QoS 0 may be lost.
                if phase.qos > QoS::AtMostOnce {
                    outcome = Err(Error::Silence(PATIENCE));
                }
                break;
            }
        }
    }
    window.close();
    outcome
}

/// Waits for an outcome, unless that takes too long.
fn wait(mut publish: PublishHandle) -> Result<(), Error> {
    publish.wait_timeout(PATIENCE).ok_or(Error::Silence(PATIENCE))??;
    Ok(())
}

fn disconnect(client: &Client) {
    client.disconnect().expect("this is no callback");
}

/// Lets so many messages be on their way.
#[derive(Default)]
struct Window {
    inside: Mutex<Inside>,
    left: Condvar,
}

#[derive(Default)]
struct Inside {
    messages: usize,
    is_closed: bool,
}

impl Window {
    /// Waits for a place; `false` when there will be none.
    fn enter(&self) -> bool {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |inside: &mut Inside| inside.messages >= ON_THEIR_WAY && !inside.is_closed;
        let waited = self.left.wait_while(inside, is_full);
        let mut inside = waited.unwrap_or_else(PoisonError::into_inner);
        inside.messages += 1;
        !inside.is_closed
    }

    fn leave(&self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.messages = inside.messages.saturating_sub(1);
        self.left.notify_one();
    }

    fn close(&self) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.left.notify_one();
    }
}
