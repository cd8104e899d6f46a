# syntax=docker/dockerfile:1
FROM rust:1-slim-bookworm AS build
WORKDIR /igql
COPY . .
RUN cargo install --path . --locked --root /out

FROM debian:bookworm-slim
RUN useradd --uid 10001 --create-home igql
COPY --from=build /out/bin/igql /usr/local/bin/igql
COPY LICENSE /usr/share/doc/igql/LICENSE
USER igql
# a catalog is mounted here; its folder `.igql` is written, unless `--cache` names another
WORKDIR /data
ENTRYPOINT ["igql"]
CMD ["--help"]
