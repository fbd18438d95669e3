module.exports = require('../../webpack.app.js')(__dirname);
