//! Every group of commands against a cluster of one, whose majority is itself.

use crate::support::{Client, Cluster, request};

fn start(flags: &str) -> (Cluster, Client) {
    let cluster = Cluster::start(1, flags);
    cluster.leader();
    let client = cluster.client(1);
    (cluster, client)
}

/// Each line is a request and, behind ` -> `, its reply.
fn check(dialogue: &str) {
    let (_cluster, mut client) = start("");
    check_with(&mut client, dialogue);
}

fn check_with(client: &mut Client, dialogue: &str) {
    for line in dialogue.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (request, reply) = line.split_once(" -> ").expect("a request and its reply");
        assert_eq!(client.ask(request), reply, "{request}");
    }
}

#[test]
fn strings() {
    check(
        r#"
        GET k -> nil
        SET k 1 -> +OK
        GET k -> "1"
        SET k 2 IFEQ 1 -> +OK
        SET k 3 IFEQ 1 -> "2"
        SET fresh 1 IFEQ 0 -> nil
        GET fresh -> nil
        SET k 9 NX -> -ERR syntax error: SET takes no option but IFEQ here, got 'NX'
        INCR k -> :3
        INCR counter -> :1
        SET k word -> +OK
        INCR k -> -ERR value is not an integer or out of range
        SET k 9223372036854775807 -> +OK
        INCR k -> -ERR increment or decrement would overflow
        DEL k counter k nothing -> :2
        DEL k -> :0
        GET -> -ERR wrong number of arguments for 'get' command
        "#,
    );
}

#[test]
fn lists() {
    check(
        r#"
        LRANGE l 0 -1 -> []
        RPUSH l a b -> :2
        RPUSH l c -> :3
        LPUSH l y x -> :5
        LRANGE l 0 -1 -> ["x", "y", "a", "b", "c"]
        LRANGE l -2 99 -> ["b", "c"]
        GET l -> -WRONGTYPE Operation against a key holding the wrong kind of value
        SET l 1 IFEQ 0 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        SET l 1 -> +OK
        RPUSH l a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        LRANGE l 0 -1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        RPUSH l -> -ERR wrong number of arguments for 'rpush' command
        "#,
    );
}

#[test]
fn connections() {
    check(
        r#"
        PING -> +PONG
        PING text -> "text"
        ECHO text -> "text"
        CLIENT GETNAME -> nil
        CLIENT SETNAME me -> +OK
        CLIENT GETNAME -> "me"
        CLIENT SETINFO lib-name test -> +OK
        SELECT 0 -> +OK
        SELECT 1 -> -ERR DB index is out of range
        HELLO 3 -> -NOPROTO unsupported protocol version; this server speaks RESP2
        COMMAND DOCS -> []
        CONFIG GET save -> ["save", ""]
        NOSUCH thing -> -ERR unknown command 'NOSUCH'
        QUIT -> +OK
        "#,
    );
}

#[test]
fn info_and_role_tell_the_state() {
    let (_cluster, mut client) = start("--ack async");
    let info = client.ask("INFO");
    for expected in [
        "# Server\r\nredis_version:",
        "ack:async",
        "# Replication\r\nrole:leader\r\nid:n1\r\nepoch:1\r\n",
        "leader_id:n1",
    ] {
        assert!(info.contains(expected), "no `{expected}` in {info}");
    }
    assert!(client.ask("INFO replication").starts_with("\"# Replication\r\nrole:leader"));
    assert!(client.ask("ROLE").starts_with("[\"master\", :"));
}

#[test]
fn a_connection_can_ask_where_its_operations_stand() {
    let (_cluster, mut client) = start("");
    // LSN 1 is the leader's first record, LSN 2 the helper's test write.
    check_with(
        &mut client,
        r#"
        CLIENT POSITION ON -> +OK
        SET k 1 -> [+OK, :1, :3]
        GET k -> ["1", :1, :3]
        SET k 2 IFEQ 0 -> ["1", :1, :3]
        RPUSH k 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        PING -> +PONG
        CLIENT READ follower -> +OK
        GET k -> ["1", :1, :3]
        CLIENT POSITION OFF -> +OK
        INCR k -> :2
        "#,
    );
}

#[test]
fn a_request_is_executed_once_however_often_it_is_asked() {
    let (_cluster, mut client) = start("");
    check_with(
        &mut client,
        r#"
        REQUEST 1 INCR k -> -ERR no session: open one with CLIENT IDENTITY id, then name it with CLIENT IDENTITY id session
        CLIENT IDENTITY c -> :3
        CLIENT IDENTITY c 3 -> +OK
        REQUEST 1 INCR k -> :1
        REQUEST 1 INCR k -> :1
        REQUEST 1 GET k -> "1"
        REQUEST 7 RPUSH k x -> -WRONGTYPE Operation against a key holding the wrong kind of value
        DEL k -> :1
        REQUEST 7 RPUSH k x -> -WRONGTYPE Operation against a key holding the wrong kind of value
        CLIENT POSITION ON -> +OK
        REQUEST 8 INCR k -> [:1, :1, :7]
        REQUEST 8 INCR k -> [:1, :1, :7]
        CLIENT POSITION OFF -> +OK
        CLIENT IDENTITY c -> :8
        "#,
    );
    assert!(
        client.ask("REQUEST 9 INCR k").starts_with("-NOSESSION "),
        "a later session of the same client replaced it"
    );
    assert_eq!(client.ask("CLIENT IDENTITY c 8"), "+OK");
    assert_eq!(client.ask("REQUEST 2 INCR k"), ":2");
    assert!(client.ask("REQUEST 1 INCR k").starts_with("-SUPERSEDED "));
}

#[test]
fn pipelined_requests_are_executed_and_answered_in_order() {
    let (_cluster, mut client) = start("");
    let count = 3000; // more than may be pending at once
    let batch: String = (1..=count).map(|_| request("INCR k") + &request("GET k")).collect();
    let mut writer = client.another_handle();
    std::thread::spawn(move || writer.send(batch.as_bytes()));
    for number in 1..=count {
        assert_eq!(client.reply(), format!(":{number}"));
        assert_eq!(client.reply(), format!("\"{number}\""));
    }
}

#[test]
fn bytes_that_are_no_request_end_the_connection_with_a_reason() {
    let (cluster, _) = start("");
    for (bytes, reason) in [
        (&b"*1\r\n:1\r\n"[..], "-ERR Protocol error: expected '$', got ':'"),
        (b"*-x\r\n", "-ERR Protocol error: invalid multibulk length"),
        (b"*1\r\n$2000000\r\n", "-ERR Protocol error: invalid bulk length"),
    ] {
        let mut client = cluster.client(1);
        client.send(b"PING\r\n");
        client.send(bytes);
        assert_eq!([client.reply(), client.reply(), client.reply()], ["+PONG", reason, "closed"]);
    }
    assert_eq!(cluster.client(1).ask("PING"), "+PONG");
}

#[test]
fn terms_of_connections_and_of_single_operations() {
    let (_cluster, mut client) = start("");
    assert_eq!(client.ask("CLIENT SESSION"), "nil");
    check_with(
        &mut client,
        r#"
        CLIENT ACK async TIMEOUT 100 -> +OK
        SET k 1 -> +OK
        WITH ACK majority TIMEOUT 5000 SET k 2 -> +OK
        WITH ACK 2 SET k 3 -> -ERR ACK asks for more members than this cluster has; not executed
        CLIENT ACK default -> +OK
        WITH READ nearest GET k -> "2"
        WAIT 0 0 -> :0
        WAIT 1 20 -> :0
        CLIENT SESSION ON -> +OK
        WITH READ follower GET k -> "2"
        WITH READ follower AFTER 1 9999 TIMEOUT 10 GET k -> -BEHIND this node does not have the record that the read must have seen; not executed, retry here or elsewhere
        CLIENT AFTER 1 9999 TIMEOUT 10 -> +OK
        SET k 4 -> +OK
        CLIENT AFTER 0 0 -> +OK
        GET k -> "4"
        "#,
    );
    assert_ne!(client.ask("CLIENT SESSION"), "nil");
}
