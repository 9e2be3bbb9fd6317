// Makes a server that would listen on all addresses listen on loopback, on a free port that it writes into a file.
const net = require("node:net");
const fs = require("node:fs");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  this.once("listening", () => fs.writeFileSync(process.env.PORT_FILE, `${this.address().address} ${this.address().port}\n`));
  return listen.call(this, 0, "127.0.0.1", ...rest.filter((one) => typeof one === "function"));
};
