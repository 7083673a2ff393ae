# The `interregnum` program and the campaigns, for deploy/kubernetes/campaign.yaml. Runs need no privileges: docker run --rm interregnum run
FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p interregnum

FROM debian:bookworm-slim
COPY --from=build /src/target/release/interregnum /usr/local/bin/interregnum
COPY campaigns /usr/share/interregnum/campaigns
USER 65534:65534
WORKDIR /tmp
ENTRYPOINT ["interregnum"]
