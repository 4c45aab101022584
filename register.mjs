// `node --import ironwire/register`.
import './register.js'
