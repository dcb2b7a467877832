//! What mosquitto says it did. When a connection ends while 2.0.11 still sends PUBRELs again, it
//! sends the PUBLISH of the others again on the next, although their PUBRECs came: against
//! [MQTT-4.3.3-6], and no receiver can tell such a copy from a new message.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process;

/// The broker's log, in a file that goes with this value.
pub(crate) struct BrokerLog {
    path: PathBuf,
}

impl BrokerLog {
    pub(crate) fn new() -> BrokerLog {
        BrokerLog { path: env::temp_dir().join(format!("mqtt-soak-{}.log", process::id())) }
    }

    /// Makes mosquitto write it.
    pub(crate) fn configuration(&self) -> String {
        format!("log_dest file {}\nlog_type all", self.path.display())
    }

    /// Topics of QoS 2 messages that were sent to `client` again after their PUBREC came.
    pub(crate) fn sent_after_pubrec(&self, client: &str) -> BTreeSet<String> {
        let mut released = BTreeSet::new();
        let mut topics = BTreeSet::new();
        let file = File::open(&self.path).expect("the log of the broker");
        for line in BufReader::new(file).lines().map_while(Result::ok) {
            match Entry::read(&line, client) {
                Some(Entry::Publish { id, topic }) if released.contains(&id) => {
                    topics.insert(topic);
                }
                Some(Entry::Publish { .. }) | None => {}
                Some(Entry::PubRec { id }) => _ = released.insert(id),
                Some(Entry::PubComp { id }) => _ = released.remove(&id),
            }
        }
        topics
    }
}

impl Drop for BrokerLog {
    fn drop(&mut self) {
        // It is not there if the broker did not start.
        fs::remove_file(&self.path).ok();
    }
}

/// A line about a QoS 2 message to a client.
enum Entry {
    Publish { id: u16, topic: String },
    PubRec { id: u16 },
    PubComp { id: u16 },
}

impl Entry {
    fn read(line: &str, client: &str) -> Option<Entry> {
        let (_, line) = line.split_once(": ")?;
        if let Some(line) = line.strip_prefix("Sending PUBLISH to ") {
            let fields = line.strip_prefix(client)?.strip_prefix(" (")?;
            let mut fields = fields.split(", ");
            let id = fields.find_map(|field| field.strip_prefix('m'))?.parse().ok()?;
            let topic = fields.next()?.trim_matches('\'').to_owned();
            return Some(Entry::Publish { id, topic });
        }
        let (packet, line) = line.strip_prefix("Received ")?.split_once(" from ")?;
        let id = line.strip_prefix(client)?.strip_prefix(" (Mid: ")?;
        let id = id.split([',', ')']).next()?.parse().ok()?;
        match packet {
            "PUBREC" => Some(Entry::PubRec { id }),
            "PUBCOMP" => Some(Entry::PubComp { id }),
            _ => None,
        }
    }
}
