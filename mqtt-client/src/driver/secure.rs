//! From the name of a broker to a stream that MQTT can use.

use std::future::poll_fn;
use std::sync::Arc;

use mqtt_session::Time;

use super::Work;
use crate::options::Broker;
use crate::over::Dialled;
use crate::runtime::Runtime;
use crate::stream::Stream;
use crate::{ConnectError, TlsFailure};

impl<R: Runtime> Work<R> {
    /// Dials, and shakes hands where the broker's URL takes TLS.
    pub(super) async fn connect(
        &mut self,
        broker: &Broker,
        deadline: Time,
    ) -> Result<Stream<Dialled<R::Transport>>, ConnectError> {
        let security = self.with(|state| state.security.clone());
        security.check(std::slice::from_ref(broker))?;
        let transport = self.dial(broker, deadline).await?;
        let mut stream = security.secure(broker, transport)?;
        let handshake = poll_fn(|cx| stream.poll_handshake(cx));
        self.by(broker, deadline, handshake).await?.map_err(|error| {
            let failure = stream.tls_failure(&error).unwrap_or(TlsFailure::Handshake);
            ConnectError::Tls { broker: broker.to_string(), failure, cause: Arc::new(error) }
        })?;
        Ok(stream)
    }
}
