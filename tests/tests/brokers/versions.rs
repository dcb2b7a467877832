//! Which version is spoken.

use mqtt_adapter_blocking::{Publish, PublishError, QoS};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{Row, Verdict, everything};

/// What only 5.0 can say tells which it is.
pub(crate) fn the_best_version_is_found<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let described = Publish::new(&topic, "5.0").content_type("text").qos(QoS::AtLeastOnce);
    match client.publish(described) {
        Ok(_) => assert!(row.broker.speaks_5),
        Err(PublishError::Invalid(_)) => assert!(!row.broker.speaks_5),
        Err(error) => panic!("{error}"),
    }
    client.publish(Publish::new(&topic, "any").qos(QoS::AtLeastOnce)).unwrap();
    let wanted: &[_] = if row.broker.speaks_5 { &["5.0", "any"] } else { &["any"] };
    for wanted in wanted {
        assert_eq!(stream.recv().unwrap().payload(), wanted.as_bytes());
    }
    client.disconnect();
    Ok(())
}
