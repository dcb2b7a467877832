// A broker of aedes on 127.0.0.1: node aedes.mjs FOLDER PORT, where FOLDER has it in node_modules.
import { createServer } from 'node:net'
import { pathToFileURL } from 'node:url'

const [folder, port] = process.argv.slice(2)
const { Aedes } = await import(pathToFileURL(`${folder}/node_modules/aedes/aedes.js`))
const isForbidden = (topic) => topic.startsWith('forbidden/')
const refusal = (client, username, password) => {
  if (client.id === 'refused') return 2
  if (!username) return 5
  return username === 'alice' && password?.toString() === 'x' ? 0 : 4
}
const aedes = await Aedes.createBroker({
  authenticate: (client, username, password, done) => {
    const returnCode = refusal(client, username, password)
    if (returnCode) done(Object.assign(new Error('refused'), { returnCode }), null)
    else done(null, true)
  },
  authorizePublish: (client, packet, done) =>
    done(isForbidden(packet.topic) ? new Error('forbidden') : null),
  authorizeSubscribe: (client, subscription, done) =>
    done(null, isForbidden(subscription.topic) ? null : subscription)
})
createServer(aedes.handle).listen(port, '127.0.0.1')
