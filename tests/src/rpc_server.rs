//! JSON-RPC server over HTTP on the local host, which can misbehave on purpose.

use serde_json::{Value, json};
use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};

/// Request to the server.
#[derive(Clone, Debug)]
pub struct Call {
    /// Name of the JSON-RPC method.
    pub method: String,
    /// Parameters of the method.
    pub params: Value,
    /// HTTP request line and headers, as the client sent them.
    pub head: String,
    /// Number of earlier calls of this method.
    pub index: usize,
}

/// Reply of the server to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Result by JSON-RPC.
    Result(Value),
    /// Error by JSON-RPC: code and message.
    Error(i64, String),
    /// Object with any fields, to which the server adds the request's id.
    Envelope(Value),
    /// HTTP response: status, headers and body.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Result after a delay.
    Late(Duration, Value),
    /// Result of which the first half is sent before the connection is closed.
    BreakOff(Value),
    /// No response: the connection is closed.
    Close,
    /// No response: the connection stays open.
    Silence,
}

type Handler = dyn Fn(&Call) -> Reply + Send + Sync;

/// Running server, which stops when it is dropped.
#[derive(Debug)]
pub struct RpcServer {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    task: JoinHandle<()>,
}

impl RpcServer {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// If no port can be bound.
    pub async fn start(handler: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the socket is bound");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let task = tokio::spawn({
            let calls = calls.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (handler, calls) = (handler.clone(), calls.clone());
                    // An error means that the client has disconnected.
                    tokio::spawn(async move { drop(serve(stream, &*handler, &calls).await) });
                }
            }
        });
        Self { address, calls, task }
    }

    /// The server's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    ///
    /// # Panics
    /// If a handler panicked.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no handler panicked").clone()
    }

    /// Number of requests for a method so far.
    pub fn count(&self, method: &str) -> usize {
        self.calls().iter().filter(|call| call.method == method).count()
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the requests of one connection, one after another.
async fn serve(stream: TcpStream, handler: &Handler, calls: &Mutex<Vec<Call>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let request: Value = serde_json::from_slice(&body)?;
        let call = {
            let mut calls = calls.lock().expect("no handler panicked");
            let method = request["method"].as_str().unwrap_or_default().to_owned();
            let index = calls.iter().filter(|call| call.method == method).count();
            let call = Call { method, params: request["params"].clone(), head, index };
            calls.push(call.clone());
            call
        };
        let id = &request["id"];
        let result =
            |value: Value| json!({ "jsonrpc": "2.0", "id": id, "result": value }).to_string().into_bytes();
        match handler(&call) {
            Reply::Result(value) => write(&mut stream, 200, &[], &result(value)).await?,
            Reply::Error(code, message) => {
                let error =
                    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } });
                write(&mut stream, 200, &[], error.to_string().as_bytes()).await?;
            }
            Reply::Envelope(mut object) => {
                object["id"] = id.clone();
                write(&mut stream, 200, &[], object.to_string().as_bytes()).await?;
            }
            Reply::Http(status, headers, body) => write(&mut stream, status, &headers, &body).await?,
            Reply::Late(pause, value) => {
                sleep(pause).await;
                write(&mut stream, 200, &[], &result(value)).await?;
            }
            Reply::BreakOff(value) => {
                let body = result(value);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&body[..body.len() / 2]).await?;
                return stream.flush().await;
            }
            Reply::Close => return Ok(()),
            Reply::Silence => pending::<()>().await,
        }
    }
}

async fn write(
    stream: &mut BufReader<TcpStream>,
    status: u16,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    stream.flush().await
}
