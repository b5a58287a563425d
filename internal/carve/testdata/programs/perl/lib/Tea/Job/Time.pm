package Tea::Job::Time;
use v5.36;
use utf8;

sub run ($class, $request) {
    require POSIX;
    require Time::Piece;
    local $ENV{TZ} = 'Europe/Berlin';
    POSIX::tzset();
    my $here = POSIX::strftime('%H:%M %Z', localtime 1719835200);
    return $here . ' ' . Time::Piece->strptime('2024-02-29', '%Y-%m-%d')->add_years(1)->ymd;
}

1;
