export default () => 'good night';
