// A page service of NAV on the `soap` package: its WSDL is the one that a real server gave, and reading requests and
// writing replies by that WSDL is the package's own. Only the records and what the operations do are said here.
// Usage: node nav_page.js PACKAGES WSDL ROWS; prints its address as one line of JSON and ends with its standard input.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { createRequire } = require("node:module");

const [packages, definition, count] = process.argv.slice(2);
const soap = createRequire(path.join(packages, "package.json"))("soap");

const vendors = new Map();
for (let number = 1; number <= Number(count); number += 1) {
  const No = `V${String(number).padStart(5, "0")}`;
  vendors.set(No, { version: 1, fields: { No, Name: `Vendor & Söhne ${number}`, Blocked: "_blank_", Balance_LCY: `${number}.10` } });
}

const order = () => [...vendors.keys()].sort();
const shown = (No) => ({ Key: `${No};${vendors.get(No).version}`, ...vendors.get(No).fields });
const fault = (code, text) => ({ Fault: { faultcode: `a:${code}`, faultstring: text } });

function standing(key) {
  const [No, version] = String(key).split(";");
  const held = vendors.get(No);
  if (held === undefined) throw fault("Microsoft.Dynamics.Nav.Types.Exceptions.NavCSideRecordNotFoundException", `Vendor ${No} does not exist.`);
  if (String(held.version) !== version) throw fault("Microsoft.Dynamics.Nav.Service.WebServices.ServiceBrokerException", "Other user has modified this record.");
  return No;
}

function matches(No, filters) {
  return [filters ?? []].flat().every(({ Field, Criteria }) => {
    if (!Criteria) return true;
    if (Field !== "No") throw fault("Filter", `no filter on ${Field} here`);
    const alternatives = Criteria.split("|").map((each) => each.replace(/^'|'$/g, ""));
    return alternatives.some((each) => (each.startsWith(">") ? No > each.slice(1).replace(/^'|'$/g, "") : No === each));
  });
}

const page = {
  ReadMultiple({ filter, bookmarkKey, setSize }) {
    const after = bookmarkKey ? String(bookmarkKey).split(";")[0] : "";
    const found = order().filter((No) => No > after && matches(No, filter));
    const given = Number(setSize) === 0 ? found : found.slice(0, Number(setSize));
    return { ReadMultiple_Result: { Vendors: given.map(shown) } };
  },
  Read: ({ No }) => (vendors.has(No) ? { Vendors: shown(No) } : {}),
  IsUpdated({ Key }) {
    const [No, version] = String(Key).split(";");
    return { IsUpdated_Result: String(vendors.get(No)?.version) !== version };
  },
  Create({ Vendors }) {
    if (Vendors.Name === "!") throw fault("Microsoft.Dynamics.Nav.Types.Exceptions.NavTestFieldException", "Name must not be '!' in Vendor.");
    const No = Vendors.No || `N${String(vendors.size + 1).padStart(5, "0")}`;
    vendors.set(No, { version: 1, fields: { ...Vendors, No } });
    return { Vendors: shown(No) };
  },
  Update({ Vendors: { Key, ...changed } }) {
    const No = standing(Key);
    const held = vendors.get(No);
    vendors.set(No, { version: held.version + 1, fields: { ...held.fields, ...changed } });
    return { Vendors: shown(No) };
  },
  Delete: ({ Key }) => ({ Delete_Result: vendors.delete(standing(Key)) }),
};

const server = http.createServer();
server.listen(0, "127.0.0.1", () => {
  const callback = () => {
    // NAV gives the WSDL at the plain address, the package at ?wsdl.
    server.prependListener("request", (request) => {
      if (request.method === "GET" && !request.url.includes("?")) request.url += "?wsdl";
    });
    process.stdout.write(`${JSON.stringify({ root: `http://127.0.0.1:${server.address().port}/NAV/WS` })}\n`);
  };
  const services = { Vendors_Service: { Vendors_Port: page } };
  const xml = fs.readFileSync(definition, "utf8").replace(/^\uFEFF/, "");
  soap.listen(server, { path: "/NAV/WS/CRONUS/Page/Vendors", services, xml, callback });
});
process.stdin.on("end", () => process.exit(0)).resume();
