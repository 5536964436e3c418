// A process that uses the embedded Redis: opens it, tells the address, closes when told to.
// argv: the compiled project's folder, the configuration, the options of openRedis; both JSON.
const [built, config, options] = process.argv.slice(2);
const { openRedis } = await import(`${built}/queues/embedded-redis/index.js`);
try {
  const lines = [];
  const onTalk = (line) => lines.push(line);
  const redis = await openRedis(JSON.parse(config), { ...JSON.parse(options), onTalk });
  process.on("message", () => void redis.close().then(() => process.disconnect()));
  process.send({ url: redis.url, lines });
} catch (error) {
  process.send({ code: error.code, message: error.message });
  process.disconnect();
}
