/** A drain that takes longer is cut: what was not flushed is fetched again. */
const drainMs = 20_000;

/** Resolves at the first SIGINT or SIGTERM. From then on a second one, or too long a wait for `done`, ends the process. */
export function untilAskedToStop(): Promise<{ done(): void }> {
  return new Promise((resolve) => {
    const asked = () => {
      process.off('SIGINT', asked);
      process.off('SIGTERM', asked);
      const cut = setTimeout(() => process.exit(1), drainMs).unref();
      const atOnce = () => process.exit(1);
      process.once('SIGINT', atOnce);
      process.once('SIGTERM', atOnce);
      resolve({
        done() {
          clearTimeout(cut);
          process.off('SIGINT', atOnce);
          process.off('SIGTERM', atOnce);
        },
      });
    };
    process.on('SIGINT', asked);
    process.on('SIGTERM', asked);
  });
}
