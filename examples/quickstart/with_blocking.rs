//! The client on blocking std threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use mqtt_adapter_blocking::{Client, Publish, QoS, Subscription};

use crate::Plan;
use crate::report::{Error, Phase, Report, Tally, payload};

/// Messages on their way at once: sent and not yet received.
const ON_THEIR_WAY: usize = 500;
/// What does not arrive for so long is lost.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(plan: &Plan) -> Result<Report, Error> {
    let client = mqtt_adapter_blocking::connect(plan.options.clone())?;
    let mut events = client.events();
    let mut messages = client.subscribe(plan.topic.as_str(), QoS::ExactlyOnce)?;
    let mut report = Report::default();
    for phase in plan.phases() {
        let mut tally = Tally::start(phase);
        let window = Window::default();
        thread::scope(|scope| {
            let publisher = scope.spawn(|| publish(plan, &client, phase, &window));
            receive(&mut messages, &mut tally, &window);
            publisher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        report.add(tally.finish());
    }
    while let Ok(event) = events.try_next() {
        report.note(&event);
    }
    client.disconnect().ok();
    Ok(report)
}

fn publish(plan: &Plan, client: &Client, phase: Phase, window: &Window) -> Result<(), Error> {
    let mut unanswered = VecDeque::new();
    for number in 0..phase.messages {
        window.enter();
        if phase.cuts_before(number) {
            plan.proxy.cut();
        }
        let message = Publish::new(plan.topic.as_str(), payload(phase.qos, number)).qos(phase.qos);
        unanswered.push_back(client.enqueue(message).map_err(|refused| refused.error)?);
        if unanswered.len() > ON_THEIR_WAY
            && let Some(oldest) = unanswered.pop_front()
        {
            oldest.wait()?;
        }
    }
    for outcome in unanswered {
        outcome.wait()?;
    }
    Ok(())
}

fn receive(messages: &mut Subscription, tally: &mut Tally, window: &Window) {
    while !tally.is_complete() {
        match messages.recv_timeout(PATIENCE) {
            Ok(message) if tally.count(message.payload()) => window.leave(),
            // Another copy.
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Lets so many messages be on their way.
#[derive(Default)]
struct Window {
    inside: Mutex<usize>,
    left: Condvar,
}

impl Window {
    /// A lost message never leaves, so nobody waits for one for ever.
    fn enter(&self) {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let waited =
            self.left.wait_timeout_while(inside, PATIENCE, |inside| *inside >= ON_THEIR_WAY);
        let (mut inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *inside += 1;
    }

    fn leave(&self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        *inside = inside.saturating_sub(1);
        self.left.notify_one();
    }
}
