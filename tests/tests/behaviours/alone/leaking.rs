//! Nothing outlives a client: no task, thread or descriptor, even where messages are kept.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use mqtt_adapter_blocking::{
    Backoff, ConnectChanges, Message, Options, Publish, QoS, ReasonCode, SubscribeOptions,
};
use mqtt_tests::adapter::{Adapter, Client, Events, Subscription};
use mqtt_tests::{Peer, RaiseOnDrop, Signal, Trial, id};

pub(super) fn no_task_thread_or_descriptor_stays_behind<A: Adapter>() {
    // Some runtimes have threads for the whole process, which start with the first client.
    drop(message_of::<A>(End::Disconnect));
    let before = Possessions::count();
    let kept = [End::Disconnect, End::Drop, End::GiveUp].map(message_of::<A>);
    Trial::run(|trial| {
        let peer = trial.peer(|broker| broker.refuse(ReasonCode::NotAuthorized));
        assert!(A::start().connect(options(&peer)).is_err());
    });
    before.wait_until_restored();
    drop(kept);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Disconnect,
    Drop,
    GiveUp,
}

/// Uses a client and ends it, and waits until its task is dropped, which has the timer, the transport
/// and the hook; a message that is kept.
fn message_of<A: Adapter>(end: End) -> Message {
    let (sender, kept) = mpsc::channel();
    Trial::run(move |trial| {
        let peer = trial.peer(move |broker| {
            let mut connection = broker.open(false);
            connection.grant("in", QoS::AtLeastOnce);
            connection.publish(QoS::AtLeastOnce, Some(id(1)), "in", b"message");
            connection.take_qos1("out");
            match end {
                End::Disconnect => connection.expect_disconnect(ReasonCode::NormalDisconnection),
                End::Drop => connection.expect_end(),
                End::GiveUp => connection.cut(),
            }
        });
        let adapter = A::start();
        let dropped = Signal::new();
        let task = RaiseOnDrop(dropped.clone());
        let options = options(&peer).connect_hook(move |_| {
            let _of_the_task = &task;
            async { Ok(ConnectChanges::new()) }
        });
        let client = adapter.connect(options).unwrap();
        let mut events = client.events();
        let options = SubscribeOptions::new("in").qos(QoS::AtLeastOnce);
        let mut stream = client.subscribe(options).unwrap();
        client.publish(Publish::new("out", "").qos(QoS::AtLeastOnce)).unwrap();
        sender.send(stream.recv().unwrap()).unwrap();
        drop(stream);
        match end {
            End::Disconnect => client.disconnect(),
            End::Drop => {}
            End::GiveUp => while events.next().is_some() {},
        }
        drop(client);
        adapter.run_until(peer.finished());
        adapter.run_until(&dropped);
    });
    kept.recv().unwrap()
}

fn options(peer: &Peer) -> Options {
    let backoff = Backoff::Constant(Duration::ZERO);
    Options::new(peer.url()).unwrap().backoff(backoff).max_attempts(NonZeroU32::MIN)
}

/// The threads and descriptors of this process, those with what they stand for.
#[derive(Debug)]
struct Possessions {
    threads: BTreeSet<String>,
    descriptors: BTreeSet<(String, String)>,
}

impl Possessions {
    fn count() -> Possessions {
        let file = |number: String| {
            let file = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
            // All but the folder that is being read.
            (!file.starts_with("/proc")).then(|| (number, file.display().to_string()))
        };
        Possessions {
            threads: entries("/proc/self/task").collect(),
            descriptors: entries("/proc/self/fd").filter_map(file).collect(),
        }
    }

    /// Waits until there is nothing that was not there before: what ends by itself takes its moment.
    fn wait_until_restored(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let now = Possessions::count();
            if now.threads.is_subset(&self.threads) && now.descriptors.is_subset(&self.descriptors)
            {
                return;
            }
            assert!(Instant::now() < deadline, "what was left of {self:#?}\n{now:#?}");
            thread::yield_now();
        }
    }
}

fn entries(folder: &str) -> impl Iterator<Item = String> {
    let names = fs::read_dir(folder).unwrap().map_while(Result::ok);
    names.map(|entry| entry.file_name().to_string_lossy().into_owned())
}
